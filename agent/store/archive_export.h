// SPDX-License-Identifier: Apache-2.0
// A release of this store as an archive: everything that another host needs to have it.
#pragma once

#include <functional>
#include <string>

#include "agent/store/archive_writer.h"
#include "agent/store/snapshot_store.h"

namespace rollback {

struct ArchiveProgress {
  std::uint64_t files = 0;  // contents; each counts once
  std::uint64_t bytes = 0;
  std::uint64_t total_files = 0;  // 0: not known
  std::uint64_t total_bytes = 0;
};
using OnArchiveProgress = std::function<void(const ArchiveProgress&)>;

// `host` is this host's name. Contents are read and compared with their hashes on the way: kCorrupt
// or kNotFound names what is damaged, and what was written by then is no archive. kInvalid for the
// origin of a run, which no other host has a use for. Any thread.
Result<PackWriter::Written> export_release(const SnapshotStore& snapshots, const BlobStore& blobs,
                                           const Revision& revision, const std::string& host,
                                           ByteSink& sink, const OnArchiveProgress& on_progress);

}  // namespace rollback
