// SPDX-License-Identifier: Apache-2.0
// File contents by SHA-256: compressed (zstd) or raw when that is smaller. The hash is checked on
// every read; what does not match is kCorrupt and never returned. Whole files for now, of at most
// kMaxBlobSize bytes. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "agent/store/database.h"
#include "core/digest.h"

namespace rollback {

class BlobStore {
 public:
  explicit BlobStore(Database& database) : database_(database) {}

  // Buffered: durable with the next synced write. kInvalid above kMaxBlobSize.
  Result<Digest> put(std::string_view bytes);
  Result<bool> has(const Digest& digest) const;
  // kNotFound, or kCorrupt, naming the digest.
  Result<std::string> get(const Digest& digest) const;

 private:
  Database& database_;
};

}  // namespace rollback
