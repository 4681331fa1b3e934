// SPDX-License-Identifier: Apache-2.0
// The hooks of agent.yaml as steps of a plan. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/options.h"
#include "model/plan.h"

namespace rollback {

// argv as people write it.
std::string command_text(const std::vector<std::string>& argv);

// Around all others: drain before the first, readmit behind the last. None where the steps
// interrupt nothing: files alone, and starting what does not run, cost no request.
void add_hooks(const HookOptions& hooks, std::vector<PlanStep>& steps);

// Whether the hooks are among them.
bool has_hooks(const Plan& plan);

}  // namespace rollback
