// SPDX-License-Identifier: Apache-2.0
// An archive into this store. Whoever made it is not trusted: every record is compared with its id
// before it is stored, nothing may name what the archive does not hold, and nothing of it can be
// seen before the one synced write at the end. A refused archive leaves contents and trees that
// nothing refers to, as an interrupted snapshot does.
#pragma once

#include <functional>
#include <string>

#include "agent/store/archive_export.h"
#include "agent/store/snapshot_store.h"
#include "core/stream.h"

namespace rollback {

struct ImportOrder {
  // Whether this host may have `node` at `path`; its error refuses the archive.
  std::function<Status(const std::string& path, const Node& node)> permit;
  WallTime now;                   // no revision was recorded later than that
  HistoryEntry entry;             // `to`, and the exporting host in its reason, are set here
  OnArchiveProgress on_progress;  // files: contents; bytes: of the archive
  std::uint64_t total_files = 0;  // where known
  std::uint64_t total_bytes = 0;
};

struct Imported {
  SnapshotStore::Recorded recorded;
  std::string host;  // that exported it
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  Digest digest;
};

// kCorrupt: damaged, cut short, or not what export makes. kUnsupported: newer. kCorrupt also when
// this store is damaged. Any thread.
Result<Imported> import_release(SnapshotStore& snapshots, BlobStore& blobs, ByteSource& source,
                                const ImportOrder& order);

}  // namespace rollback
