// SPDX-License-Identifier: Apache-2.0
// Which compose projects must be stopped and brought up around a set of file changes. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/plan/unit_steps.h"

namespace rollback {

struct ProjectSteps {
  std::vector<PlanStep> quiesce;   // services that the target does not run
  std::vector<PlanStep> activate;  // projects whose files change, or of which a service is missing
};

ProjectSteps plan_projects(const UnitInput& input);

// Those of `services` that `others` lack; both sorted.
std::vector<std::string> without(const std::vector<std::string>& services,
                                 const std::vector<std::string>& others);

}  // namespace rollback
