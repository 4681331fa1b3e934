// SPDX-License-Identifier: Apache-2.0
// Reads the store to find what is damaged before somebody needs it. Never changes a value; beside
// how far it got, it stores only what it found (Database::note_damage). Writers may go on
// meanwhile. Memory: 8 bytes for each content, and the damage. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/store/damage_report.h"
#include "agent/store/scrub_mark.h"
#include "agent/store/snapshot_store.h"
#include "core/clock.h"

namespace rollback {

struct ScrubOrder {
  ScrubDepth depth = ScrubDepth::kShallow;
  std::uint64_t rate = 0;  // most stored bytes read in a second; 0: no limit
  bool restart = false;    // from the beginning, also when one was interrupted
};

struct ScrubCount {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;          // as stored
  std::uint64_t total_objects = 0;  // about; 0: not known
  std::uint64_t total_bytes = 0;
};

// Who waits for a check, and who may end it. Called from its thread.
class ScrubWatcher {
 public:
  virtual ~ScrubWatcher() = default;
  virtual void on_progress(const ScrubCount& count) = 0;
  // Waits until then; true means that the check is to end now. Asked every now and then with a
  // moment that is over.
  virtual bool pause(BootTime until) = 0;
};

struct ScrubResult {
  ScrubCount count;
  bool resumed = false;
  bool finished = false;       // false: it was told to end, and the next one goes on from there
  std::vector<Damage> damage;  // of a finished one, and all that is known
};

struct ScrubDeps {
  Database& database;
  const BlobStore& blobs;
  const SnapshotStore& snapshots;
  const Clock& clock;
};

// The whole store: contents, directories, snapshots, revisions, history, runs, in key order. A
// check that was interrupted is resumed when it is not less deep than the one that is asked for.
Result<ScrubResult> scrub_store(const ScrubDeps& deps, const ScrubOrder& order,
                                ScrubWatcher& watcher);

// Every content of one release, read and hashed. Damage of other releases is not looked for, but
// what this one has is told with every release that it hurts.
Result<ScrubResult> scrub_release(const ScrubDeps& deps, const HostState& state, std::uint64_t rate,
                                  ScrubWatcher& watcher);

}  // namespace rollback
