// SPDX-License-Identifier: Apache-2.0
#include "tests/power/crash_trial.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace rollback {

namespace {

std::string_view name_of(Ends ends) {
  return ends == Ends::kOrigin ? "its origin" : ends == Ends::kTarget ? "its target" : "neither";
}

// What a recovery wrote down as not taken back. Every state here can be taken back whole.
std::string not_taken_back(const Scene& scene) {
  KernelSyscalls calls;
  const auto root = scene.host().open(calls);
  const auto state = root.open_directory("state");
  const auto journal = state ? Journal::find(*state) : tl::unexpected(state.error());
  if (!journal) return journal.error().message;
  if (!*journal || !(*journal)->undone) return "";
  return fmt::format("{}", fmt::join((*journal)->undone->differs, "; "));
}

}  // namespace

Ends CrashTrial::end_of(const Seen& seen) const {
  if (seen == recording_.origin) return Ends::kOrigin;
  if (recording_.target && seen == *recording_.target) return Ends::kTarget;
  return Ends::kEither;
}

std::string CrashTrial::unlike_both(const Seen& seen) const {
  auto text = "origin: " + first_difference(recording_.origin, seen);
  if (recording_.target) text += "; target: " + first_difference(*recording_.target, seen);
  return text;
}

Examined CrashTrial::examine(const Layers& layers, const Promise& promise) {
  Examined found;
  rig_.disk().set(layers);
  if (!rig_.mount()) {
    found.problem = fmt::format("cannot be mounted: {}", std::strerror(errno));
    return found;
  }
  found.mounted = true;
  try {
    look(promise, found);
  } catch (const std::exception& error) {
    found.problem = error.what();
  }
  rig_.unmount();
  return found;
}

void CrashTrial::look(const Promise& promise, Examined& found) {
  KernelSyscalls calls;
  const auto recovered = host_.scene().recover(calls);
  found.told = rig_.disk().events();
  if (!recovered) throw std::runtime_error("recovery fails: " + recovered.error().message);
  const auto said = " (" + recovered->message + ")";
  const auto seen = host_.seen();
  found.ended = end_of(seen);
  if (found.ended == Ends::kEither)
    throw std::runtime_error("neither end" + said + "; " + unlike_both(seen));
  if (promise.ends != Ends::kEither && found.ended != promise.ends)
    throw std::runtime_error(fmt::format("ends on {}, and {} was promised{}", name_of(found.ended),
                                         name_of(promise.ends), said));
  using Decision = Recovery::Decision;
  const auto decision = recovered->decision;
  if ((decision == Decision::kForgotten || decision == Decision::kUndone) &&
      found.ended != Ends::kOrigin)
    throw std::runtime_error("recovery says that it went back, and it did not" + said);
  if (decision == Decision::kNothing && promise.journal == JournalIs::kKept)
    throw std::runtime_error("the journal is lost");
  if (decision != Decision::kNothing && promise.journal == JournalIs::kGone)
    throw std::runtime_error("the journal came back" + said);
  if (const auto lines = not_taken_back(host_.scene()); !lines.empty())
    throw std::runtime_error("recovery could not take back: " + lines);
  if (host_.neighbours() != recording_.neighbours)
    throw std::runtime_error("what no run manages has changed" + said);
  const auto again = host_.scene().recover(calls);
  if (!again) throw std::runtime_error("recovery fails again: " + again.error().message);
  if (const auto difference = first_difference(seen, host_.seen()); !difference.empty())
    throw std::runtime_error("recovering again changes the host: " + difference);
}

namespace {

class States {
 public:
  States(CrashRig& rig, const PowerScene& host, const Recording& recording,
         const TrialBudget& budget, std::uint64_t seed, const TrialLimits& limits)
      : rig_(rig),
        recording_(recording),
        budget_(budget),
        limits_(limits),
        random_(seed),
        trial_(rig, host, recording) {}

  TrialOutcome run() {
    rig_.disk().set({});
    const CrashStates states(recording_.log, base());
    // The moments at which more is promised show most.
    auto budget = budget_.states;
    for (const auto& promise : recording_.promises) budget.first.push_back(promise.from);
    const auto chosen = states.choose(budget, random_, seen_);
    const auto every = budget_.nested_from == 0 ? 0 : chosen.size() / budget_.nested_from + 1;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      if (outcome_.problems.size() >= limits_.most_problems) break;
      const bool nested = every != 0 && i % every == 0;
      examine(std::to_string(i), chosen[i], nested);
    }
    return std::move(outcome_);
  }

 private:
  CrashStates::Base base() {
    return
        [this](std::uint64_t offset, std::uint64_t size) { return rig_.disk().read(offset, size); };
  }
  // "12" is wanted for "12.3" too.
  [[nodiscard]] bool is_wanted(const std::string& name) const {
    return limits_.only.empty() || limits_.only == name || limits_.only.starts_with(name + ".");
  }

  void note(const std::string& name, const CrashStates::Chosen& chosen, const Examined& found) {
    outcome_.fingerprints.push_back(chosen.fingerprint);
    if (!found.mounted) ++outcome_.unmountable;
    if (found.problem.empty()) return;
    const auto what = fmt::format("{} ({} after event {} of {}, {} lost)", found.problem,
                                  to_string(chosen.state.kind), chosen.state.cut,
                                  recording_.log.size(), chosen.state.lost.size());
    if (found.mounted || !limits_.only.empty()) outcome_.problems.push_back({name, what});
  }

  void examine(const std::string& name, const CrashStates::Chosen& chosen, bool nested) {
    if (!is_wanted(name)) return;
    const CrashTrial::Layers layers{{&recording_.log, &chosen.state}};
    const auto& promise = promise_at(recording_.promises, chosen.state.cut);
    const auto found = trial_.examine(layers, promise);
    ++outcome_.by_kind[static_cast<int>(chosen.state.kind)];
    note(name, chosen, found);
    if (nested && found.mounted && found.problem.empty()) cut_recovery(name, chosen, found);
  }

  // What a recovery has answered holds after a cut too; before, it is as it was before it.
  void cut_recovery(const std::string& name, const CrashStates::Chosen& outer,
                    const Examined& found) {
    WriteLog log = rig_.disk().take();
    log.resize(found.told);
    const auto& promise = promise_at(recording_.promises, outer.state.cut);
    const std::vector<Promise> promises{{0, promise.ends, promise.journal},
                                        {found.told, found.ended, promise.journal}};
    const CrashTrial::Layers below{{&recording_.log, &outer.state}};
    rig_.disk().set(below);
    const CrashStates states(log, base());
    const auto chosen = states.choose(budget_.nested, random_, seen_, outer.fingerprint);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto inner = fmt::format("{}.{}", name, i);
      if (!limits_.only.empty() && limits_.only != inner) continue;
      auto layers = below;
      layers.push_back({&log, &chosen[i].state});
      const auto again = trial_.examine(layers, promise_at(promises, chosen[i].state.cut));
      ++outcome_.nested;
      note(inner, chosen[i], again);
    }
  }

  CrashRig& rig_;
  const Recording& recording_;
  const TrialBudget& budget_;
  const TrialLimits& limits_;
  SeededRandom random_;
  std::unordered_set<std::uint64_t> seen_;
  TrialOutcome outcome_;
  CrashTrial trial_;
};

}  // namespace

TrialOutcome try_states(CrashRig& rig, const PowerScene& host, const Recording& recording,
                        const TrialBudget& budget, std::uint64_t seed, const TrialLimits& limits) {
  return States(rig, host, recording, budget, seed, limits).run();
}

}  // namespace rollback
