// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/hook_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace rollback {

namespace {

constexpr const char* kResource = "hooks";

bool interrupts(const PlanStep& step) {
  return step.action == StepAction::kStopUnit || step.action == StepAction::kReloadUnit ||
         step.action == StepAction::kStopProject || step.action == StepAction::kStartProject;
}

bool is_hook(const PlanStep& step) {
  return step.action == StepAction::kDrain || step.action == StepAction::kReadmit;
}

}  // namespace

std::string command_text(const std::vector<std::string>& argv) {
  return fmt::format("{}", fmt::join(argv, " "));
}

void add_hooks(const HookOptions& hooks, std::vector<PlanStep>& steps) {
  const auto first = std::find_if(steps.begin(), steps.end(), interrupts);
  if (first == steps.end()) return;
  const auto why = fmt::format("{} of {} interrupts it", to_string(first->action), first->subject);
  std::vector<PlanStep> drains;
  for (const auto& argv : hooks.drain)
    drains.push_back({StepPhase::kQuiesce, StepAction::kDrain, command_text(argv), kResource,
                      "takes the host out of traffic: " + why, "the readmit hooks run"});
  steps.insert(steps.begin(), std::make_move_iterator(drains.begin()),
               std::make_move_iterator(drains.end()));
  for (const auto& argv : hooks.readmit)
    steps.push_back({StepPhase::kVerify, StepAction::kReadmit, command_text(argv), kResource,
                     "takes the host back into traffic", "the drain hooks run"});
}

bool has_hooks(const Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), is_hook);
}

}  // namespace rollback
