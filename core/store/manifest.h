// SPDX-License-Identifier: Apache-2.0
// RocksDB's list of its own files, MANIFEST-n. It is only ever appended to, and a new one has a
// higher number. RocksDB takes a list that was cut short for the whole one and deletes every file
// that is not in it; so what is known of the list is kept elsewhere (watermark.h) and compared
// before RocksDB opens the directory for writing.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "core/result.h"

namespace rollback {

// The list as it was at one moment.
struct ManifestMark {
  std::uint64_t number = 0;  // of the file; 0: nothing is known
  std::uint64_t size = 0;
  std::uint32_t crc = 0;  // of its first `size` bytes
  bool operator==(const ManifestMark&) const = default;
};

// Follows the list of an open store. One owner, one thread.
class ManifestFollower {
 public:
  explicit ManifestFollower(std::string directory) : directory_(std::move(directory)) {}
  ~ManifestFollower();
  ManifestFollower(ManifestFollower&& other) noexcept;
  ManifestFollower& operator=(ManifestFollower&&) = delete;

  // The list as it is now, synced up to there. Costs two stat calls when it did not grow.
  Result<ManifestMark> now();

 private:
  Status reopen();
  std::string directory_;
  int fd_ = -1;
  std::pair<std::uint64_t, std::int64_t> current_{};  // inode and change time of CURRENT
  ManifestMark mark_;
};

// kCorrupt, naming the file, when the list that CURRENT names is older than `mark` or does not
// begin as it says. Reads only.
Status check_manifest(const std::string& directory, const ManifestMark& mark);

}  // namespace rollback
