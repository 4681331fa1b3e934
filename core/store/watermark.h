// SPDX-License-Identifier: Apache-2.0
// What is known to be durable, beside the store instead of inside it: the number of the last synced
// write, and RocksDB's list of files as it was then. A store that opens below the number has lost
// writes that were acknowledged (RocksDB drops everything behind a damaged record of its log
// without a word); one whose list is shorter has lost files (manifest.h). The file is written after
// the log was synced and is not synced itself: after a power cut it may be behind, which hides a
// loss of the last seconds, but it is never ahead, so it never raises a false alarm. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "core/result.h"
#include "core/store/manifest.h"

namespace rollback {

struct Synced {
  std::uint64_t write = 0;  // 0: not known
  ManifestMark manifest;
  bool operator==(const Synced&) const = default;
};

class Watermark {
 public:
  // `directory` exists. What cannot be read there is not known.
  static Result<Watermark> open(const std::string& directory);
  // The same without the file being made, and without raise().
  static Result<Watermark> open_to_read(const std::string& directory);
  ~Watermark();
  Watermark(Watermark&& other) noexcept;
  Watermark& operator=(Watermark&&) = delete;

  [[nodiscard]] Synced value() const;
  // Keeps the highest, and the list of files as it is now. Of an open store.
  Status raise(std::uint64_t write);

 private:
  Watermark(int fd, const std::string& directory, Synced value);
  static Result<Watermark> open_with(const std::string& directory, int flags);
  mutable std::mutex mutex_;
  int fd_;
  std::string path_;
  Synced value_;
  ManifestFollower manifest_;
};

}  // namespace rollback
