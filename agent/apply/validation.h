// SPDX-License-Identifier: Apache-2.0
// What resources say about the target before anything changes: their validators on a preview, and
// what they need besides files. Private to agent/apply.
#pragma once

#include <vector>

#include "agent/apply/active_run.h"
#include "agent/apply/file_op.h"

namespace rollback {

// Of the previews that validators need, at most.
std::size_t preview_bytes(const RunDeps& deps, const Comparison& comparison);

struct ValidationInput {
  const RunDeps& deps;
  const Comparison& comparison;
  const StageSet& stages;
  const std::vector<FileOp>& ops;  // staged
  RunLog& log;
};

// kConflict names what would not be valid or is missing. What live has wrong in the same words, and
// what is doubtful, is warned of.
Status validate(const ValidationInput& input);

}  // namespace rollback
