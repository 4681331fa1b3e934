// SPDX-License-Identifier: Apache-2.0
// Takes the files of a run back to its origin, in reverse order, from whatever the disk shows of
// each operation. Idempotent and restartable at any call; goes on when a step fails. Needs the
// journal's intent and the stages, nothing else. What failed is tried once more: a call that was
// interrupted, or a disk that was short of something for a moment, must not cost the origin.
#pragma once

#include <string>
#include <vector>

#include "agent/apply/file_op.h"
#include "agent/apply/journal.h"
#include "agent/apply/live.h"
#include "agent/apply/stage.h"
#include "agent/apply/touched.h"

namespace rollback {

struct FilesUndone {
  std::size_t reversed = 0;          // operations that had happened and were taken back
  std::vector<std::string> differs;  // "/path: why it could not be taken back"
  bool unfinished = false;           // the disk refused: the same may succeed later
};

// Before the first change: in the journal, or where it takes no more in the stages. An undo goes on
// when neither does: it can be repeated, and what the disk shows of it counts.
void say_undoing(Journal* journal, const StageSet& stages, WallTime now);

FilesUndone undo_files(const LiveFiles& live, const StageSet& stages,
                       const std::vector<FileOp>& ops, const SyncPolicy& policy = {});

}  // namespace rollback
