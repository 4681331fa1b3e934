// SPDX-License-Identifier: Apache-2.0
// Turns the file steps of a plan into operations, and writes what they need into the stages: new
// contents with their final owner, mode, attributes and time, each synced. Touches nothing live.
#pragma once

#include <functional>
#include <vector>

#include "agent/apply/file_op.h"
#include "agent/apply/owners.h"
#include "agent/apply/stage.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace rollback {

// Verified content of a file; kCorrupt or kNotFound otherwise.
using ContentSource = std::function<Result<std::string>(const Digest&)>;

struct StagingInput {
  const Directory& root;
  const StageSet& stages;  // made
  const Plan& plan;
  const HostState& live;
  const HostState& target;
  const ContentSource& content;
};

Result<std::vector<FileOp>> stage_contents(const StagingInput& input);

}  // namespace rollback
