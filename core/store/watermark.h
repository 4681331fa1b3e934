// SPDX-License-Identifier: Apache-2.0
// The number of the last synced write, beside the store instead of inside it. A store that opens
// below it has lost writes that were acknowledged (RocksDB drops everything behind a damaged record
// of its log without a word). The file is written after the log was synced and is not synced
// itself: after a power cut it may be behind, which hides a loss of the last seconds, but it is
// never ahead, so it never raises a false alarm. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "core/result.h"

namespace rollback {

class Watermark {
 public:
  // `directory` exists.
  static Result<Watermark> open(const std::string& directory);
  ~Watermark();
  Watermark(Watermark&& other) noexcept;
  Watermark& operator=(Watermark&&) = delete;

  // 0 when there is none, or none that can be read.
  [[nodiscard]] std::uint64_t value() const;
  // Keeps the highest.
  Status raise(std::uint64_t value);

 private:
  Watermark(int fd, std::string path, std::uint64_t value)
      : fd_(fd), path_(std::move(path)), value_(value) {}
  mutable std::mutex mutex_;
  int fd_;
  std::string path_;
  std::uint64_t value_;
};

}  // namespace rollback
