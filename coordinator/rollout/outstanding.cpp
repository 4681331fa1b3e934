// SPDX-License-Identifier: Apache-2.0
// What a stored rollout still has to do and when it must be looked at again.
#include "coordinator/rollout/policy.h"
#include "coordinator/rollout/rollout.h"

namespace rollback {

namespace {

namespace act = rollout_action;

// Times are up only after their last moment.
constexpr Duration kTick = std::chrono::milliseconds(1);

}  // namespace

std::vector<RolloutAction> outstanding(const RolloutRecord& state) {
  std::vector<RolloutAction> actions;
  if (state.state == RolloutState::kDone) return actions;
  for (const auto& host : state.hosts) {
    if (is_asked(host)) actions.push_back(act::Prepare{host.id});
    if (host.phase == HostPhase::kCommitting)
      actions.push_back(act::Commit{host.id, host.plan_digest});
    if (host.phase == HostPhase::kUndoing) actions.push_back(act::UndoHost{host.id});
    if (host.phase == HostPhase::kSkipped) actions.push_back(act::Forget{host.id});
  }
  return actions;
}

std::optional<WallTime> next_deadline(const RolloutRecord& state, WallTime now) {
  if (state.state == RolloutState::kDone || state.state == RolloutState::kPaused)
    return std::nullopt;
  if (state.next_wave.ns != 0 && state.next_wave > now) return state.next_wave;
  const WallTime deadline = state.budget_begin() + state.policy.timeout;
  return (now > deadline ? answer_deadline(state) : deadline) + kTick;
}

}  // namespace rollback
