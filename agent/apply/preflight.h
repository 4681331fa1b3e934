// SPDX-License-Identifier: Apache-2.0
// Everything about the files of a plan that can refuse before anything is staged: completeness,
// removals, flags, space. Reads only. Each refusal is one sentence that names the path.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/apply/stage.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace rollback {

struct PreflightInput {
  const Directory& root;
  const Directory& state;  // where the journal is going to be
  const StageSet& stages;  // located, not made
  const Plan& plan;
  const HostState& live;
  const HostState& target;
  std::size_t preview_bytes = 0;
};

// What undo and the outcome may append to the journal of such a plan, in bytes.
std::uint64_t journal_reserve(const Plan& plan) noexcept;

// Directories that must go hold nothing but what the plan removes; no changed path, no directory of
// one and no place of a stage is immutable or append-only (kDenied); no file that changes has a
// mount of its own (kConflict); no mount is another machine's (kUnsupported); every mount and the
// journal have room (kNoSpace).
Status check_files(const PreflightInput& input);

// One sentence for each mount of which nobody can say whether it keeps what a run relies on.
Result<std::vector<std::string>> doubtful_file_systems(const Directory& root,
                                                       const StageSet& stages);

// kConflict above `limit` removals of what no release recorded; names the first ones.
Status check_removals(const Plan& plan, const std::set<std::string>& recorded, std::size_t limit);

}  // namespace rollback
