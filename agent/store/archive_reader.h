// SPDX-License-Identifier: Apache-2.0
// Reads a pack. Nothing it gives out is trusted to be what its id says: whoever uses it compares.
// Memory is bounded by the largest record that really came, whatever lengths are declared.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/store/archive_format.h"
#include "core/stream.h"

namespace rollback {

struct PackRecord {
  RecordHeader header;
  std::string payload;
};

// In one pass, as from a pipe. One thread.
class PackReader {
 public:
  explicit PackReader(ByteSource& source) : source_(source) {}

  // In the order they were written; nullopt when all have come, and the index, the footer, the hash
  // of the whole and its end were right. kCorrupt or kUnsupported otherwise, and whatever the
  // source says.
  Result<std::optional<PackRecord>> next();
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }  // read so far
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }  // of all, after the last

 private:
  Result<std::string> take(std::size_t size);
  void hash(std::string_view bytes);
  Result<std::size_t> fill();  // bytes that are waiting now
  Status finish(const RecordHeader& index, std::uint64_t offset);

  ByteSource& source_;
  std::string buffer_;
  std::size_t used_ = 0;  // bytes of buffer_ that were taken
  std::uint64_t bytes_ = 0;
  std::uint64_t records_ = 0;
  bool begun_ = false;
  Hasher before_;  // of everything before the last 32 bytes
  Hasher whole_;
  Hasher index_;  // of the index as it must be
  Digest digest_;
};

// `size` bytes at `offset` of something that can be read anywhere; fewer at its end.
using ReadAt = std::function<Result<std::string>(std::uint64_t offset, std::size_t size)>;

// What the end of a pack of `size` bytes says of it, without reading its records.
struct PackSummary {
  std::uint64_t records = 0;
  std::uint64_t contents = 0;  // of them, contents and lists of chunks
};
Result<PackSummary> summarise_pack(const ReadAt& read, std::uint64_t size);

}  // namespace rollback
