// SPDX-License-Identifier: Apache-2.0
// What a plan does beyond its steps: units that its daemon-reload also takes up, and files that the
// next upgrade of a Debian package overwrites. Private to agent/apply.
#pragma once

#include <string>
#include <vector>

#include "agent/apply/rollback.h"

namespace rollback {

// Sentences for the plan. What cannot be found out is left out: it stops no run.
std::vector<std::string> side_effects(const RunDeps& deps, const Plan& plan);

}  // namespace rollback
