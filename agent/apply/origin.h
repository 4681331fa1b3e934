// SPDX-License-Identifier: Apache-2.0
// What a run replaces. Its manifest waits in the first stage, its bytes are the pre-images there.
// Both enter the store after the run succeeded, so that a full store stops no rollback: then the
// run only cannot be undone, and says so.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "agent/apply/file_op.h"
#include "agent/apply/stage.h"
#include "agent/capture/memory_sink.h"
#include "agent/store/blob_store.h"
#include "agent/store/snapshot_store.h"
#include "model/retention.h"
#include "model/snapshot.h"

namespace rollback {

struct Origin {
  HostState state;
  CaptureMemory memory;  // of the capture that it is
};

// Writes and reads `<stage>/origin`. Without stages there is nothing to write. What is read has no
// memory.
Status save_origin(const StageSet& stages, const Origin& origin);
Result<Origin> load_origin(const StageSet& stages);

struct KeepInput {
  const Directory& root;
  const StageSet& stages;
  const std::vector<FileOp>& ops;  // committed
  SnapshotStore& snapshots;
  BlobStore& blobs;
  const Manifest& recorded;  // of a release in the store: what it holds needs no looking for
  const std::set<std::string>& not_recorded;  // paths of it to which that does not apply
};

// Records the origin as the revision "run:ID". Contents the store lacks are read from the stage, or
// from live where the run did not change them; trees from the stage, or without one from `origin`.
// Bytes that the store takes for it and for nothing that was recorded before.
Result<std::uint64_t> keep_origin(const KeepInput& input, const Origin& origin, const RunId& run,
                                  bool healthy, WallTime now);

// What keep_origin() did, for who watches the run.
std::string text_of_kept(const RunId& run, std::uint64_t bytes, const RetentionRules& rules);

}  // namespace rollback
