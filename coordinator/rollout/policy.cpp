// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rollout/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace rollback {

namespace {

std::size_t count_if(const RolloutRecord& state, bool (*matches)(const RolloutHost&)) {
  return static_cast<std::size_t>(std::count_if(state.hosts.begin(), state.hosts.end(), matches));
}

std::string names_in(const RolloutRecord& state, HostPhase phase) {
  std::vector<std::string> names;
  for (const auto& host : state.hosts)
    if (host.phase == phase) names.push_back(host.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_time_up(const RolloutHost& host) {
  return host.phase == HostPhase::kSkipped && !host.findings.empty() &&
         host.findings.front() == kTimeIsUp;
}

bool is_left_out(const RolloutHost& host) {
  switch (host.phase) {
    case HostPhase::kUnready:
    case HostPhase::kMissing:
    case HostPhase::kOffline:
      return true;
    case HostPhase::kSkipped:
      return !is_time_up(host);
    default:
      return false;
  }
}

}  // namespace

std::size_t count_phase(const RolloutRecord& state, HostPhase phase) {
  return static_cast<std::size_t>(
      std::count_if(state.hosts.begin(), state.hosts.end(),
                    [phase](const RolloutHost& host) { return host.phase == phase; }));
}

std::size_t failed_hosts(const RolloutRecord& state) {
  return count_if(state, [](const RolloutHost& host) {
    return host.phase == HostPhase::kRestored || host.phase == HostPhase::kInconsistent ||
           host.phase == HostPhase::kUnknown ||
           (host.phase == HostPhase::kUnready && host.wave > 0);
  });
}

bool too_many_failed(const RolloutRecord& state) {
  return failed_hosts(state) > state.policy.max_fail.of_rounded_down(state.hosts.size());
}

std::string shortfall(const RolloutRecord& state) {
  const auto& policy = state.policy;
  std::vector<std::string> why;
  const auto check = [&](HostPhase phase, ShortfallPolicy what, const char* flag) {
    if (what == ShortfallPolicy::kSkip || count_phase(state, phase) == 0) return;
    why.push_back(fmt::format("{}: {} (--{} skip goes on without)", to_string(phase),
                              names_in(state, phase), flag));
  };
  check(HostPhase::kUnready, policy.unready, "unready");
  check(HostPhase::kMissing, policy.missing, "missing");
  check(HostPhase::kOffline, policy.offline, "offline");
  return fmt::format("{}", fmt::join(why, "; "));
}

void assign_waves(RolloutRecord& state) {
  const std::size_t ready = count_phase(state, HostPhase::kReady);
  std::size_t batch = 0;
  std::size_t room = 0;
  std::uint32_t wave = 0;
  for (auto& host : state.hosts) {
    if (host.phase != HostPhase::kReady) continue;
    if (room == 0) {
      ++wave;
      const auto& batches = state.policy.batches;
      const Amount size =
          batches.empty() ? Amount{100, true} : batches[std::min(batch, batches.size() - 1)];
      room = std::max<std::size_t>(size.of_rounded_up(ready), 1);
      ++batch;
    }
    host.wave = wave;
    --room;
  }
}

std::uint32_t next_wave(const RolloutRecord& state) {
  std::uint32_t next = 0;
  for (const auto& host : state.hosts)
    if (host.phase == HostPhase::kReady && (next == 0 || host.wave < next)) next = host.wave;
  return next;
}

ExitCode exit_code_of(const RolloutRecord& state) {
  const std::size_t done = count_phase(state, HostPhase::kDone);
  const std::size_t restored =
      count_phase(state, HostPhase::kRestored) + count_phase(state, HostPhase::kUndone);
  const std::size_t left_out = count_if(state, is_left_out);
  const std::size_t late = count_if(state, is_time_up) + count_phase(state, HostPhase::kUnknown);
  const bool refused = done + restored + late == 0 && left_out > 0;
  if (count_phase(state, HostPhase::kInconsistent) > 0) return ExitCode::kInconsistent;
  if (state.state == RolloutState::kPaused) return ExitCode::kPartial;
  if (refused) return state.aborted ? ExitCode::kPartial : ExitCode::kRefused;
  // Before its first wave a refused rollout has touched nobody, whatever was already on target.
  if (state.wave == 0 && left_out > 0) return ExitCode::kRefused;
  if (done > 0 && restored + left_out > 0) return ExitCode::kPartial;
  if (late > 0) return ExitCode::kTimedOut;
  if (restored > 0) return ExitCode::kRestored;
  return left_out > 0 ? ExitCode::kPartial : ExitCode::kDone;
}

}  // namespace rollback
