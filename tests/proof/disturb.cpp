// SPDX-License-Identifier: Apache-2.0
#include "tests/proof/disturb.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <set>
#include <sstream>
#include <type_traits>
#include <utility>

#include "tests/support/child.h"
#include "tests/support/effort.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {

namespace {

// In the name of a case whose number is one of all calls, not only of those that change something.
constexpr const char* kOfAll = "/all";

const char* name_of(int error) {
  switch (error) {
    case EIO:
      return "EIO";
    case ENOSPC:
      return "ENOSPC";
    case EROFS:
      return "EROFS";
    case EINTR:
      return "EINTR";
    default:
      return "error";
  }
}

bool moves_bytes(std::string_view call) {
  return call == "read" || call == "pread" || call == "write" || call == "pwrite";
}

int place_of(const Fault& fault) {
  return std::visit(
      [](const auto& it) {
        if constexpr (std::is_same_v<std::decay_t<decltype(it)>, NoFault>)
          return 0;
        else
          return it.call;
      },
      fault);
}

std::string kind_of(const Fault& fault) {
  if (std::holds_alternative<KillAt>(fault)) return "kill";
  if (std::holds_alternative<ShortAt>(fault)) return "short";
  if (const auto* once = std::get_if<FailAt>(&fault)) return name_of(once->error);
  if (const auto* sticky = std::get_if<FailFrom>(&fault))
    return std::string(name_of(sticky->error)) + " from there on";
  return "none";
}

// "" when every case is meant.
std::string only_case() {
  const char* only = std::getenv("ROLLBACK_CASE");
  return only != nullptr ? only : "";
}

std::string run_once(Subject& subject, Disturbance& what) {
  try {
    subject.arrange();
    const auto end = end_of_child([&] {
      KernelSyscalls kernel;
      FaultySyscalls calls(kernel, what.fault, what.counted);
      const bool sick = std::holds_alternative<FailFrom>(what.fault);
      return static_cast<int>(subject.act(calls, sick));
    });
    if (end) what.told = static_cast<Told>(*end);
    if (!end && !std::holds_alternative<KillAt>(what.fault)) return "it was killed by itself";
    if (end && std::holds_alternative<KillAt>(what.fault)) return "it was not killed";
    return subject.judge(what);
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

int Disturbance::error() const {
  const auto* once = std::get_if<FailAt>(&fault);
  return once != nullptr ? once->error : 0;
}

std::string Disturbance::text() const {
  if (std::holds_alternative<NoFault>(fault)) return "undisturbed";
  return fmt::format("{}@{}{} {}", kind_of(fault), place_of(fault),
                     counted == Counted::kAll ? kOfAll : "", call.name);
}

bool covers_all() { return is_nightly() || !only_case().empty(); }

Coverage coverage_of_this_run() {
  const auto only = only_case();
  const bool all = only.empty() || only.find(kOfAll) != std::string::npos;
  if (covers_all()) return {all ? Counted::kAll : Counted::kMutating, true, 1, 1, 1};
  return {Counted::kMutating, true, 1, 24, 64};
}

int Findings::runs() const {
  int all = 0;
  for (const auto& [kind, count] : runs_) all += count;
  return all;
}

void Findings::tell(double seconds) const {
  std::string text;
  for (const auto& [kind, count] : runs_)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  std::printf("covered: %s: %d runs on %zu calls in %.1f s (%s), %zu wrong\n", about_.c_str(),
              runs(), calls_, seconds, text.c_str(), lines_.size());
}

void disturb(Subject& subject, const Fault& fault, const CountedCall& call, Counted counted,
             Findings& findings) {
  Disturbance what{fault, call, counted, std::nullopt};
  const auto name = subject.name() + " " + what.text();
  if (const auto only = only_case(); !only.empty() && only != name) return;
  findings.count(kind_of(fault));
  const auto wrong = run_once(subject, what);
  if (wrong.empty()) return;
  findings.add(
      fmt::format("ROLLBACK_SEED={} ROLLBACK_CASE='{}': {}", seed_of_this_run(), name, wrong));
}

// The child tells of its calls by a file.
std::vector<CountedCall> calls_of(Subject& subject, Counted counted, Findings& findings) {
  static std::set<std::string, std::less<>> names;
  const TempDirectory told;
  Disturbance what;
  try {
    subject.arrange();
    what.told = static_cast<Told>(*end_of_child([&] {
      KernelSyscalls kernel;
      FaultySyscalls calls(kernel, NoFault{}, counted);
      calls.keep_list();
      const auto end = subject.act(calls, false);
      std::string list;
      for (const auto& call : calls.list())
        list += fmt::format("{} {:d} {:d}\n", call.name, call.mutates, call.outside);
      told.write("calls", list);
      return static_cast<int>(end);
    }));
    const auto wrong = subject.judge(what);
    if (!wrong.empty()) findings.add(subject.name() + " undisturbed: " + wrong);
  } catch (const std::exception& error) {
    findings.add(subject.name() + " undisturbed: " + error.what());
    return {};
  }
  std::vector<CountedCall> list;
  std::istringstream text(told.read("calls"));
  std::string name;
  for (CountedCall call; text >> name >> call.mutates >> call.outside; list.push_back(call))
    call.name = *names.insert(name).first;
  findings.see(list.size());
  return list;
}

void disturb_everywhere(Subject& subject, const Coverage& coverage, Findings& findings,
                        std::size_t most) {
  const auto calls = calls_of(subject, coverage.counted, findings);
  const auto each = [&](int every, const std::function<void(int, const CountedCall&)>& run) {
    if (every == 0) return;
    const auto first = static_cast<int>(seed_of_this_run() % static_cast<std::uint64_t>(every));
    for (int i = first; i < static_cast<int>(calls.size()); i += every) {
      if (findings.lines().size() >= most) return;
      run(i, calls[static_cast<std::size_t>(i)]);
    }
  };
  each(coverage.kill_every, [&](int at, const CountedCall& call) {
    if (!call.mutates && !coverage.kill_at_reads) return;
    disturb(subject, KillAt{at}, call, coverage.counted, findings);
  });
  each(coverage.fail_every, [&](int at, const CountedCall& call) {
    for (const int error : {EIO, ENOSPC, EROFS, EINTR})
      if (can_say(call, error))
        disturb(subject, FailAt{at, error}, call, coverage.counted, findings);
    if (moves_bytes(call.name)) disturb(subject, ShortAt{at}, call, coverage.counted, findings);
  });
  each(coverage.stick_every, [&](int at, const CountedCall& call) {
    for (const int error : {ENOSPC, EROFS})
      if (can_say(call, error))
        disturb(subject, FailFrom{at, error}, call, coverage.counted, findings);
  });
}

}  // namespace rollback
