// SPDX-License-Identifier: Apache-2.0
// Trees, snapshots, revisions and the history of this host. One synced write is the commit point of
// a snapshot: before it nothing of it is visible, after it all of it is. Every object is
// hash-checked on read. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "agent/store/blob_store.h"
#include "agent/store/database.h"
#include "agent/store/scan_cache.h"
#include "agent/store/scrub_mark.h"
#include "model/revision.h"
#include "model/snapshot.h"

namespace rollback {

// A snapshot that could not be unfolded in memory is none.
inline constexpr std::size_t kMaxSnapshotPaths = 1'000'000;

class SnapshotStore {
 public:
  SnapshotStore(Database& database, BlobStore& blobs)
      : database_(database), scans_(database, blobs) {}

  // Held by whoever puts contents and trees, from before the first of them until record(): nothing
  // that was put, or found to be stored already, is removed meanwhile, although no revision refers
  // to it yet. Goes where it came from: the same thread. Taking one waits for a sweep's step, some
  // milliseconds.
  using Hold = std::shared_lock<std::shared_timed_mutex>;
  [[nodiscard]] Hold hold() const { return Hold(sweeping_); }
  // Grows whenever contents are removed, in the same write. What somebody remembers to be stored (a
  // scan cache) is so only while this number, read under a Hold, is the one it was remembered
  // under; otherwise BlobStore::has() tells.
  Result<std::uint64_t> sweeps() const;

  Status put_tree(const Tree& tree);
  Status put_tree(const Digest& id, std::string bytes);  // its canonical ones, and their hash
  Result<bool> has_tree(const Digest& id) const;
  Result<Tree> load_tree(const Digest& id) const;

  // For what a revision refers to already: a snapshot that was found damaged is put again.
  Status put_snapshot(const Snapshot& snapshot);

  struct Recorded {
    Revision revision;
    bool existed = false;  // the newest revision of this label has the same content root
  };
  // Records `state` under a release (number chosen: same content root -> the existing revision,
  // else the next number) or under "run:ID", with its history entry (seq is assigned; `to` is set).
  // Blobs and trees must have been put before. `entry` is nullopt for origins of runs. An existing
  // revision that was recorded red becomes healthy when `healthy`, and takes on a `git_ref`.
  // kCorrupt for a release while the store is damaged; kConflict when the run has another origin
  // already.
  Result<Recorded> record(const HostState& state, const RevisionName& name, bool healthy,
                          WallTime now, std::optional<HistoryEntry> entry,
                          const std::string& git_ref = "");

  // What record() would answer now; writes nothing.
  Result<Recorded> would_record(const HostState& state, const RevisionName& name, bool healthy,
                                WallTime now, const std::string& git_ref) const;

  Result<std::vector<Revision>> revisions() const;       // in the order they were recorded
  Result<std::vector<HistoryEntry>> history() const;     // kCorrupt when an entry is missing
  Result<std::vector<RevisionStatus>> statuses() const;  // what the history makes of revisions()
  Status append_history(HistoryEntry entry);             // seq is assigned
  // The same of an entry that marks the revision `entry.to`; kNotFound when it is gone.
  Status append_mark(HistoryEntry entry);
  // The commit point of prune: one synced write takes the revisions away that the entries name in
  // `to`, and their snapshots. What only they referred to is then to be swept (retention.h).
  // kConflict when something was recorded since version() was `version`.
  Status remove(std::vector<HistoryEntry> entries, std::uint64_t version);
  // From here to end_sweep() every start finds out that something is left to be removed.
  Status begin_sweep();
  Result<bool> is_sweep_open() const;
  // Whatever is removed after `removals` was read is left to another sweep: then nothing ends.
  Status end_sweep(std::uint64_t removals);
  // Grows with every remove() of this process.
  [[nodiscard]] std::uint64_t removals() const noexcept { return removals_; }
  // Takes objects away that no revision refers to. The lock of unlocked_sweep() is held.
  Status sweep(std::vector<Change> waste);
  // While it is locked nobody has a Hold.
  [[nodiscard]] std::unique_lock<std::shared_timed_mutex> unlocked_sweep() const {
    return std::unique_lock(sweeping_, std::defer_lock);
  }

  // Grows with every revision and entry: who keeps what follows from them looks here first.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  // What the last snapshot saw of each directory.
  ScanCache& scans() noexcept { return scans_; }
  // Of the whole store, one sentence; "" while nothing damaged was met.
  [[nodiscard]] std::string damage() const { return database_.damage(); }
  // When all that is stored was last read and hashed; 0: never.
  [[nodiscard]] WallTime last_verified() const { return ScrubMarks(database_).last_deep(); }
  // False: nothing will be recorded until somebody repairs the store, so nobody should wait for it.
  [[nodiscard]] bool takes_writes() const noexcept { return database_.takes_writes(); }
  // The snapshot with everything below its directories; kCorrupt or kNotFound names what is
  // damaged.
  Result<HostState> load_state(const SnapshotId& id) const;
  Result<Snapshot> load_snapshot(const SnapshotId& id) const;
  // Managed paths of a snapshot and all below, directories before what they hold, one at a time:
  // `node` is nullptr for what is listed and not stored. Errors as of load_state().
  using VisitPath = std::function<Status(const std::string& path, const Node* node)>;
  Status walk(const std::vector<ManagedPath>& paths, const VisitPath& visit) const;

 private:
  Status walk_tree(const Digest& tree, const std::string& path, std::size_t& entries,
                   const VisitPath& visit) const;

  Database& database_;
  ScanCache scans_;
  std::atomic<std::uint64_t> version_ = 0;
  std::atomic<std::uint64_t> removals_ = 0;
  mutable std::shared_timed_mutex sweeping_;  // before recording_
  std::mutex recording_;                      // numbers are chosen and written by one at a time
};

}  // namespace rollback
