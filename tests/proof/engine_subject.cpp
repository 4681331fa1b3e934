// SPDX-License-Identifier: Apache-2.0
#include "tests/proof/engine_subject.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "tests/proof/agent_process.h"
#include "tests/support/child.h"
#include "tests/support/tree_copy.h"

namespace rollback {

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTops = {"/etc", "/opt", "/lib"};

void write_release(const TempDirectory& host, int number) {
  const auto text = std::to_string(number);
  const auto write = [&](const std::string& path, const std::string& content) {
    host.write("root/" + path, content);
  };
  write("etc/nginx/nginx.conf", "events {}\nhttp { include conf.d/*.conf; }\n# " + text + "\n");
  write("etc/nginx/conf.d/shop.conf", "server { listen 80; } # " + text + "\n");
  write("etc/systemd/system/shop.service",
        "[Service]\nExecStart=/opt/shop/bin/shop\nEnvironment=RELEASE=" + text + "\n");
  write("opt/shop/bin/shop", "program " + text);
  write("opt/shop/releases/" + text, text);
  fs::remove(host.path() / "root/opt/shop/current");
  fs::create_symlink("releases/" + text, host.path() / "root/opt/shop/current");
  fs::permissions(host.path() / "root/opt/shop/bin/shop", fs::perms(0755));
}

// The same as a body of a child: what it throws or says is the test's failure.
void in_child(const std::function<void()>& body) {
  if (was_killed(body)) throw std::runtime_error("a child was killed");
}

template <typename Use>
auto layered(const Layer& layer, Syscalls& below, Use use) {
  const auto made = layer ? layer(below) : nullptr;
  return use(made ? *made : below);
}

Told run_agent(const EngineHost& host, Gate gate, const Layer& layer, FaultySyscalls& calls,
               const std::function<Result<RunRecord>(AgentProcess&)>& what) {
  return layered(layer, calls, [&](Syscalls& used) {
    AgentProcess agent(host.place(), used, &calls, gate);
    return told_by(what(agent));
  });
}

Result<RunRecord> finished(AgentProcess& agent) {
  ROLLBACK_ASSIGN(auto record, agent.finish());
  if (!record) return fail(ErrorCode::kNotFound, "no interrupted run");
  return *std::move(record);
}

// A start of the agent that cannot open its directories is one that failed.
Told or_failed(const std::function<Told()>& act) {
  try {
    return act();
  } catch (const std::runtime_error&) {
    return Told::kFailed;
  }
}

std::string judge_restart(const EngineHost& host, Gate gate, const Layer& layer,
                          std::optional<Told> told) {
  const TempDirectory answer;
  in_child([&] {
    KernelSyscalls kernel;
    const auto wrong = layered(layer, kernel, [&](Syscalls& used) -> std::string {
      AgentProcess agent(host.place(), used, nullptr, gate);
      const auto finished = agent.finish();
      if (!finished) return "the next start: " + finished.error().message;
      return agent.verdict(host, told);
    });
    answer.write("wrong", wrong);
  });
  return answer.read("wrong");
}

}  // namespace

EngineHost::EngineHost() {
  in_child([this] {
    const HostPlace place(pristine_.path());
    fs::create_directories(place.root / "var/lib/rollback-agent");
    fs::create_directories(place.store.parent_path());
    pristine_.write("root/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    pristine_.write("root/etc/group", "root:x:0:\n");
    pristine_.write("root/lib/systemd/system/nginx.service",
                    "[Service]\nExecStart=/usr/sbin/nginx\n");
    KernelSyscalls kernel;
    write_release(pristine_, 1);
    {
      OutlastingServices services(place.units, place.root, nullptr);
      services.add("nginx.service", "/lib/systemd/system/nginx.service", {"/etc/nginx"});
      services.add("shop.service", "/etc/systemd/system/shop.service", {"/opt/shop/bin/shop"});
      AgentProcess(place, kernel, nullptr, Gate::kGreen).record("v1.0.0");
    }
    write_release(pristine_, 2);
    fs::remove(place.root / "opt/shop/releases/1");
    pristine_.write("root/etc/nginx/conf.d/new.conf", "# 2\n");
    pristine_.write("root/etc/systemd/system/shop.service.d/limits.conf",
                    "[Service]\nLimitNOFILE=2\n");
    OutlastingServices services(place.units, place.root, nullptr);
    services.add("nginx.service", "/lib/systemd/system/nginx.service", {"/etc/nginx"});
    services.add("shop.service", "/etc/systemd/system/shop.service", {"/opt/shop/bin/shop"});
    AgentProcess(place, kernel, nullptr, Gate::kGreen).record("v2.0.0");
  });
  begin_anew();
  origin_ = look(place());
  in_child([this] {
    KernelSyscalls kernel;
    AgentProcess agent(place(), kernel, nullptr, Gate::kGreen);
    const auto record = agent.roll_back();
    if (told_by(record) != Told::kDone)
      throw std::runtime_error(record ? fmt::format("{}", fmt::join(record->findings, "; "))
                                      : record.error().message);
  });
  target_ = look(place());
}

void EngineHost::begin_anew() const {
  empty_tree(live_.path());
  copy_tree(pristine_.path(), live_.path());
}

// Times of directories that no release holds are those of the change.
SeenTree EngineHost::look(const HostPlace& place) {
  auto tree = look_at(place.root, kTops);
  for (const auto* above : {"/etc", "/etc/systemd", "/etc/systemd/system", "/opt"})
    tree.at(above).mtime_ns = 0;
  return tree;
}

RunSubject::RunSubject(const EngineHost& host, Gate gate, Layer layer)
    : host_(host), gate_(gate), layer_(std::move(layer)) {}

std::string RunSubject::name() const { return gate_ == Gate::kGreen ? "shop/run" : "shop/red-run"; }

Told RunSubject::act(FaultySyscalls& calls, bool sick) {
  const auto end = or_failed([&] {
    return run_agent(host_, gate_, layer_, calls, [](auto& agent) { return agent.roll_back(); });
  });
  if (sick) (void)or_failed([&] { return run_agent(host_, gate_, layer_, calls, finished); });
  return end;
}

std::string RunSubject::judge(const Disturbance& what) {
  const auto expected = gate_ == Gate::kGreen ? Told::kDone : Told::kUndone;
  const bool harmless =
      std::holds_alternative<NoFault>(what.fault) || std::holds_alternative<ShortAt>(what.fault);
  if (harmless && what.told != expected) return "it did not go to its end";
  return judge_restart(host_, gate_, layer_, what.told);
}

RestartSubject::RestartSubject(const EngineHost& host, Gate gate, int killed_at, Layer layer)
    : host_(host), gate_(gate), killed_at_(killed_at), layer_(std::move(layer)) {}

std::string RestartSubject::name() const {
  return fmt::format("shop/{}restart-{}", gate_ == Gate::kGreen ? "" : "red-", killed_at_);
}

void RestartSubject::arrange() {
  host_.begin_anew();
  const bool killed = was_killed([&] {
    KernelSyscalls kernel;
    FaultySyscalls calls(kernel, KillAt{killed_at_});
    (void)run_agent(host_, gate_, {}, calls, [](auto& agent) { return agent.roll_back(); });
  });
  if (!killed) throw std::runtime_error("a run was not interrupted");
}

Told RestartSubject::act(FaultySyscalls& calls, bool sick) {
  const auto start = [&] { return run_agent(host_, gate_, layer_, calls, finished); };
  const auto end = or_failed(start);
  if (sick) (void)or_failed(start);
  return end;
}

std::string RestartSubject::judge(const Disturbance& what) {
  return judge_restart(host_, gate_, layer_, what.told);
}

}  // namespace rollback
