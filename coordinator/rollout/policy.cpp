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

// A sentence, not a list: what is more is in the run's hosts.
constexpr std::size_t kMostNames = 10;

std::string names_in(const RolloutRecord& state, HostPhase phase) {
  std::vector<std::string> names;
  for (const auto& host : state.hosts)
    if (host.phase == phase) names.push_back(host.name);
  if (names.size() > kMostNames) {
    const std::size_t more = names.size() - kMostNames;
    names.resize(kMostNames);
    return fmt::format("{} and {} more", fmt::join(names, ", "), more);
  }
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

WallTime answer_deadline(const RolloutRecord& state) {
  constexpr Duration kGrace = std::chrono::minutes(2);
  return state.budget_begin() + state.policy.timeout + state.policy.confirm + kGrace;
}

bool is_asked(const RolloutHost& host) {
  return host.phase == HostPhase::kPreparing || host.phase == HostPhase::kWaiting;
}

std::size_t count_phase(const RolloutRecord& state, HostPhase phase) {
  return static_cast<std::size_t>(
      std::count_if(state.hosts.begin(), state.hosts.end(),
                    [phase](const RolloutHost& host) { return host.phase == phase; }));
}

std::size_t failed_hosts(const RolloutRecord& state) {
  return count_if(state, [](const RolloutHost& host) {
    return host.phase == HostPhase::kRestored || host.phase == HostPhase::kInconsistent ||
           host.phase == HostPhase::kUnknown ||
           (host.wave > 0 &&
            (host.phase == HostPhase::kUnready || host.phase == HostPhase::kMissing ||
             host.phase == HostPhase::kOffline));
  });
}

std::size_t changed_hosts(const RolloutRecord& state) {
  return count_if(state, [](const RolloutHost& host) {
    return host.changed && (host.phase == HostPhase::kDone || host.phase == HostPhase::kUndoing);
  });
}

bool has_changed_a_host(const RolloutRecord& state) {
  return std::any_of(state.hosts.begin(), state.hosts.end(), [](const RolloutHost& host) {
    switch (host.phase) {
      case HostPhase::kDone:
      case HostPhase::kUndoing:
      case HostPhase::kUndone:
      case HostPhase::kInconsistent:
      case HostPhase::kUnknown:
        return host.changed;
      default:
        return false;
    }
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
  if (count_phase(state, HostPhase::kInconsistent) > 0) return ExitCode::kInconsistent;
  if (state.state == RolloutState::kPaused) return ExitCode::kPartial;
  const std::size_t restored =
      count_phase(state, HostPhase::kRestored) + count_phase(state, HostPhase::kUndone);
  const std::size_t left_out = count_if(state, is_left_out);
  const std::size_t late = count_if(state, is_time_up) + count_phase(state, HostPhase::kUnknown);
  const std::size_t changed = changed_hosts(state);
  if (changed > 0 && restored + left_out > 0) return ExitCode::kPartial;
  if (late > 0) return ExitCode::kTimedOut;
  if (restored > 0) return ExitCode::kRestored;
  if (left_out == 0) return ExitCode::kDone;
  // No host was changed. Hosts that were on the target already, or would be after a dry run, are
  // a part of the fleet when the others were left out on purpose.
  if (state.aborted) return ExitCode::kPartial;
  const bool some =
      count_phase(state, HostPhase::kDone) + count_phase(state, HostPhase::kReady) > 0;
  return some && state.wave == 0 && shortfall(state).empty() ? ExitCode::kPartial
                                                             : ExitCode::kRefused;
}

}  // namespace rollback
