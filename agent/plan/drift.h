// SPDX-License-Identifier: Apache-2.0
// Drift: what somebody changed on the host since the release that the history calls deployed was
// recorded. Only the paths that a plan changes are of interest. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/plan.h"
#include "model/snapshot.h"

namespace rollback {

struct DriftInput {
  const std::vector<PlanStep>& steps;
  const HostState& live;
  const HostState& deployed;
};

// Subjects of file steps that live has otherwise than `deployed`, sorted. What
// `deployed` did not manage, or lists without holding it, nobody can say that of.
std::vector<std::string> drifted_paths(const DriftInput& input);

// `target` takes these paths from `live`, and what they need above them or rule out below. All that
// was taken over: the paths given, and what else had to stay with them.
std::set<std::string> keep_live(HostState& target, const HostState& live,
                                const std::vector<std::string>& paths);

}  // namespace rollback
