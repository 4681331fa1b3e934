// SPDX-License-Identifier: Apache-2.0
// Removing revisions and what only they refer to: decide and measure, one synced write, then mark
// and sweep, then rewriting files. Whatever dies in between, no revision that is left lacks
// anything, and the next sweep() goes on. Captures and runs go on meanwhile: what is put under a
// SnapshotStore::Hold is not swept. Memory is bounded whatever the store holds.
//
// plan() and remove() belong to one thread, sweep() to one, which may be another.
#pragma once

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/store/snapshot_store.h"
#include "model/retention.h"

namespace rollback {

struct RetentionPlan {
  std::vector<RetentionDecision> decisions;  // `bytes` of what is removed: what that gives back
  std::uint64_t bytes = 0;                   // that nothing refers to afterwards, older waste too
  std::uint64_t disk = 0;                    // bytes on the file system now
  bool fits = true;                          // false: what always stays is above `max_size`
  bool wasteful = false;                     // above `max_size`, although what stays fits
  std::uint64_t version = 0;                 // of the store that was looked at
  [[nodiscard]] std::uint32_t removed() const;
};

// kWhenNeeded: `bytes` are known only when `max_size` made it look.
enum class Measure { kWhenNeeded, kAlways };
// kWhenWorthwhile: files are rewritten once a quarter of the store is waste.
enum class GiveBack { kWhenWorthwhile, kAll };

struct Swept {
  std::uint64_t objects = 0;  // removed
  std::uint64_t bytes = 0;
  std::uint64_t disk = 0;  // on the file system afterwards
};

class Retention {
 public:
  // `most_marks`: of contents that are held in memory at a time.
  Retention(Database& database, SnapshotStore& snapshots, const BlobStore& blobs,
            std::uint64_t most_marks = 2'000'000)
      : database_(database), snapshots_(snapshots), blobs_(blobs), most_marks_(most_marks) {}

  // `held`: revisions that a run holds. Changes nothing.
  Result<RetentionPlan> plan(const RetentionRules& rules, const std::set<std::string>& held,
                             WallTime now, Measure measure) const;
  // Afterwards the revisions are gone. kConflict when the store is not as it was for plan().
  Status remove(const RetentionPlan& plan, const std::string& actor, const std::string& reason,
                WallTime now);
  // Something is left to be swept.
  Result<bool> is_open() const { return snapshots_.is_sweep_open(); }
  // kBusy when `stop` ended it. Damage of what is kept ends it with kCorrupt: nothing is removed
  // while it is not known what that refers to.
  Result<Swept> sweep(GiveBack give_back, std::atomic<bool>& stop);

 private:
  class Sweep;
  Result<std::uint32_t> parts(const std::atomic<bool>& stop) const;
  Status measure(RetentionPlan& plan, std::vector<Status>& readable) const;

  Database& database_;
  SnapshotStore& snapshots_;
  const BlobStore& blobs_;
  const std::uint64_t most_marks_;
};

}  // namespace rollback
