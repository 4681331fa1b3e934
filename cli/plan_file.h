// SPDX-License-Identifier: Apache-2.0
// What `rollbackctl plan -o json` printed, read back (docs/formats/plan.md). Its digest is made
// anew from what it says, so that an edited file is refused before anything is asked of the agent.
#pragma once

#include <istream>
#include <string>
#include <string_view>

#include "model/plan.h"

namespace rollback {

struct PlanFile {
  Plan plan;
  Digest digest;
  DriftPolicy drift = DriftPolicy::kOverwrite;
};

inline constexpr std::size_t kMostPlanBytes = 64U << 20U;

// kInvalid: one sentence that begins with `name` and says what is wrong.
Result<PlanFile> parse_plan_file(std::string_view json, const std::string& name);

// "-" is `input`.
Result<PlanFile> load_plan_file(const std::string& path, std::istream& input);

}  // namespace rollback
