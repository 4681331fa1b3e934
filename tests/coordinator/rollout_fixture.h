// SPDX-License-Identifier: Apache-2.0
// A rollout of named hosts with a clock of its own: feeds events, keeps the state and every action.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/rollout/policy.h"
#include "coordinator/rollout/rollout.h"

namespace rollback::testing {

namespace ev = rollout_event;
namespace act = rollout_action;

inline HostId host_id(std::size_t number) {
  std::string bytes(16, '\0');
  bytes[0] = static_cast<char>(number >> 8U);
  bytes[1] = static_cast<char>(number & 0xffU);
  bytes[15] = 1;
  return *HostId::from_bytes(bytes);
}

inline RolloutRecord rollout_of(std::size_t hosts, const RolloutPolicy& policy = {}) {
  RolloutRecord record;
  record.id = *RunId::parse("0000000000aa");
  record.to = "v2.4.1";
  record.policy = policy;
  record.started = WallTime{1'000'000'000'000};
  for (std::size_t i = 1; i <= hosts; ++i) {
    RolloutHost host;
    host.id = host_id(i);
    host.name = "web" + std::to_string(i);
    record.hosts.push_back(host);
  }
  return record;
}

inline ev::Finished finished(std::size_t host, RunOutcome outcome,
                             RunKind kind = RunKind::kRollback,
                             std::vector<std::string> findings = {}) {
  ev::Finished event{host_id(host), {}};
  event.record.kind = kind;
  event.record.outcome = outcome;
  event.record.findings = std::move(findings);
  return event;
}

inline Digest plan_of(std::size_t host) { return sha256("plan of " + std::to_string(host)); }

class Driven {
 public:
  explicit Driven(RolloutRecord record) : state(std::move(record)), now(state.started) {}
  Driven(std::size_t hosts, const RolloutPolicy& policy) : Driven(rollout_of(hosts, policy)) {}

  RolloutStep take(const RolloutEvent& event) {
    RolloutStep step = advance(state, event, now);
    state = step.state;
    actions = step.actions;
    said.insert(said.end(), step.said.begin(), step.said.end());
    return step;
  }
  void start() { take(ev::Started{}); }
  void prepare(std::size_t host) { take(ev::Prepared{host_id(host), plan_of(host), true}); }
  void prepare_all() {
    start();
    for (std::size_t i = 1; i <= state.hosts.size(); ++i) prepare(i);
  }
  void succeed(std::size_t host) { take(finished(host, RunOutcome::kSucceeded)); }
  void fail_gate(std::size_t host) {
    take(finished(host, RunOutcome::kRestored, RunKind::kRollback, {"GET /healthz answered 500"}));
  }
  void pass(Duration time) {
    now = now + time;
    take(ev::Tick{});
  }
  // Ends the running wave with success; its numbers.
  std::vector<std::size_t> succeed_wave() {
    const auto wave = in(HostPhase::kCommitting);
    for (const std::size_t host : wave) succeed(host);
    return wave;
  }
  [[nodiscard]] HostPhase phase(std::size_t host) const { return state.hosts[host - 1].phase; }
  [[nodiscard]] std::vector<std::size_t> in(HostPhase phase) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < state.hosts.size(); ++i)
      if (state.hosts[i].phase == phase) found.push_back(i + 1);
    return found;
  }
  [[nodiscard]] ExitCode exit() const { return static_cast<ExitCode>(state.exit_code); }
  // Numbers of the hosts that the last step told `Action`.
  template <typename Action>
  [[nodiscard]] std::vector<std::size_t> told() const {
    return told_in<Action>(actions);
  }
  template <typename Action>
  [[nodiscard]] std::vector<std::size_t> told_in(const std::vector<RolloutAction>& list) const {
    std::vector<std::size_t> found;
    for (const auto& action : list)
      if (const auto* const is = std::get_if<Action>(&action))
        for (std::size_t i = 0; i < state.hosts.size(); ++i)
          if (state.hosts[i].id == is->host) found.push_back(i + 1);
    return found;
  }

  RolloutRecord state;
  WallTime now;
  std::vector<RolloutAction> actions;  // of the last step
  std::vector<std::string> said;
};

}  // namespace rollback::testing
