// SPDX-License-Identifier: Apache-2.0
// live and target -> ordered steps. Pure. Units restart only if something they use changes; nginx
// reloads last.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/options.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace rollback {

struct PlanInput {
  const HostState& live;
  const HostState& target;
  std::string from;  // revision names
  std::string to;
  const std::vector<ResourceSpec>& specs;
  HookOptions hooks{};  // none when only a comparison is wanted
};

// kInvalid when the target holds a path that no configured resource may write.
Result<Plan> make_plan(const PlanInput& input);

// Paths that the plan removes and that no release ever recorded.
std::vector<std::string> unrecorded_removals(const Plan& plan,
                                             const std::set<std::string>& recorded);

}  // namespace rollback
