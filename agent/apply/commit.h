// SPDX-License-Identifier: Apache-2.0
// The commit: renames, exchanges and unlinks only, in the order of the journal's intent, which is
// synced before. Stops at the first failure (the caller undoes), which also is a path that is not
// as it was staged for (kConflict): each is looked at immediately before it is changed, and what
// came out of them after the last. Directories are synced at the end.
#pragma once

#include <vector>

#include "agent/apply/file_op.h"
#include "agent/apply/live.h"
#include "agent/apply/stage.h"
#include "agent/apply/touched.h"
#include "core/clock.h"

namespace rollback {

// In which the host is neither the one nor the other: from before the first rename to after the
// last.
struct CommitWindow {
  const Clock& clock;
  Duration length{};
};

Status commit_files(const LiveFiles& live, const StageSet& stages, const std::vector<FileOp>& ops,
                    const SyncPolicy& policy = {}, CommitWindow* window = nullptr);

// Sets the time of a directory that `op` names; nothing where there is none.
Status set_directory_time(const LiveFiles& live, const FileOp& op, std::int64_t mtime_ns);

}  // namespace rollback
