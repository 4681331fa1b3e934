// SPDX-License-Identifier: Apache-2.0
// What the last snapshot saw of each directory: for every entry inode, size and times, and the hash
// of what was read there. The next one reads again only what looks otherwise. Nothing here is
// needed: a row that is lost, damaged or not believed costs only time.
//
// A row is written after the snapshot it came from was committed, so that what it refers to is in
// the store. Contents that were swept since, or that are known to be damaged, are taken out when it
// is read. Run thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/store/blob_store.h"
#include "agent/store/database.h"
#include "core/digest.h"
#include "core/fs/metadata.h"

namespace rollback {

struct SeenEntry {
  std::string name;
  FileType type = FileType::kOther;
  std::uint64_t ino = 0;  // 0: read it again
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  Digest content;  // files: of the content; directories: id of the tree; none otherwise
  bool operator==(const SeenEntry&) const = default;
};

struct SeenDirectory {
  std::uint64_t dev = 0;
  Digest owners;                   // names of accounts that the tree was made with
  Digest tree;                     // its id; none: make it anew
  Digest root;                     // its content root
  std::vector<SeenEntry> entries;  // sorted by name
  bool operator==(const SeenDirectory&) const = default;
};

// The value of a row. kCorrupt for what encode_seen() cannot have made.
std::string encode_seen(const SeenDirectory& seen, std::uint64_t sweeps);
struct StoredScan {
  SeenDirectory seen;
  std::uint64_t sweeps = 0;  // of contents, before it was written
};
Result<StoredScan> decode_seen(std::string_view bytes);

class ScanCache {
 public:
  ScanCache(Database& database, BlobStore& blobs) : database_(database), blobs_(blobs) {}

  // `sweeps` is SnapshotStore::sweeps(), read under a Hold that lasts until keep(). nullopt where
  // nothing is known, or nothing that can be read.
  [[nodiscard]] std::optional<SeenDirectory> find(std::string_view path,
                                                  std::uint64_t sweeps) const;

  struct Row {
    std::string path;
    SeenDirectory seen;
    std::vector<std::string> gone;  // names of directories that are there no more
  };
  // Not synced. Call when what the rows refer to was committed.
  Status keep(const std::vector<Row>& rows, std::uint64_t sweeps);

 private:
  void distrust_what_is_lost(SeenDirectory& seen) const;
  Status forget_below(std::string path, std::vector<Change>& changes) const;

  Database& database_;
  BlobStore& blobs_;
};

}  // namespace rollback
