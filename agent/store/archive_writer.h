// SPDX-License-Identifier: Apache-2.0
// Writes a pack in one pass: header, records, index, footer. Holds one index entry (48 bytes) for
// each record. One thread.
#pragma once

#include <string>
#include <string_view>

#include "agent/store/archive_format.h"
#include "core/stream.h"

namespace rollback {

class PackWriter {
 public:
  explicit PackWriter(ByteSink& sink) : sink_(sink) {}

  // kInvalid beyond what a reader would take.
  Status add(RecordKind kind, const Digest& id, std::string_view payload);
  struct Written {
    std::uint64_t records = 0;  // without the index
    std::uint64_t bytes = 0;
    Digest digest;  // SHA-256 of all of these
  };
  Result<Written> finish();  // once

 private:
  Status append(const RecordHeader& header, std::string_view payload);
  Status put(std::string_view bytes);
  Status flush();

  ByteSink& sink_;
  std::string buffer_ = encode_archive_header(PackPurpose::kRelease);
  std::string index_;
  std::uint64_t flushed_ = 0;
  Hasher before_;  // of everything before the last bytes
  Hasher whole_;
};

}  // namespace rollback
