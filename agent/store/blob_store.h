// SPDX-License-Identifier: Apache-2.0
// File contents by SHA-256, compressed (zstd) or raw when that is smaller; large ones as chunks
// that they share with others. Hashes are checked on every read; what does not match is kCorrupt
// and never given out. Thread-safe; a writer belongs to one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/store/blob_format.h"
#include "agent/store/database.h"
#include "core/digest.h"

namespace rollback {

// Contents of this size and more are cut into chunks. Never raised: what is smaller is not asked
// for chunks when it is looked up what a release needs.
inline constexpr std::size_t kChunkedSize = 1024 * 1024;

// How many bytes of contents that are new are compressed thoroughly; those behind them quickly. A
// release that changes little is made small, and a large one takes no longer for it. Any thread.
class EffortBudget {
 public:
  explicit EffortBudget(std::int64_t bytes) : left_(bytes) {}
  Effort take(std::size_t bytes) noexcept {
    const auto size = static_cast<std::int64_t>(bytes);
    return left_.fetch_sub(size) >= size ? Effort::kThorough : Effort::kQuick;
  }

 private:
  std::atomic<std::int64_t> left_;
};

class BlobStore {
 public:
  explicit BlobStore(Database& database) : database_(database) {}

  // Bulk: durable with the next synced write. kInvalid above kMaxContentSize.
  Result<Digest> put(std::string_view bytes);
  // All of it, chunks included.
  Result<bool> has(const Digest& digest) const;
  // In order and in pieces; `use` stops it with an error. kNotFound, or kCorrupt, naming the
  // digest; what was given out before an error was right, but is not all.
  Status read(const Digest& digest, const std::function<Status(std::string_view)>& use) const;
  // The same in memory. kInvalid above kMaxBlobSize.
  Result<std::string> get(const Digest& digest) const;
  // Reads and hashes what is stored under `digest` itself: a whole content, or a list without its
  // chunks. Its stored size; kNotFound or kCorrupt.
  Result<std::uint64_t> check_stored(const Digest& digest) const;
  // The same without a look at what the bytes mean.
  Result<std::uint64_t> stored_size(const Digest& digest) const;
  // The chunks it is made of; none when it is stored whole.
  Result<ChunkList> chunks(const Digest& digest) const;

  // In the stored form (blob_format.h), for moving it to another store without packing it again
  // (blob_moves.cpp).
  // What is stored under `digest`, checked like what read() gives out; of a list, the list only.
  Result<std::string> packed(const Digest& digest) const;
  // Bulk. Puts what came in that form after it was unpacked and hashed, of a list after every chunk
  // it names was read from here and the whole was hashed: kCorrupt when it is not `digest`.
  Status adopt(const Digest& digest, std::string_view packed);

 private:
  friend class BlobWriter;
  using Stored = std::variant<std::string, ChunkList>;
  Result<std::string> load_packed(const Digest& digest) const;
  Result<Stored> load(const Digest& digest) const;
  Result<Stored> unpack(const Digest& digest, std::string_view packed) const;
  Result<bool> is_stored(const Digest& digest) const;
  // Adds to `taken` what the store has more by it.
  Result<Digest> put_whole(std::string_view bytes, std::uint64_t& taken,
                           EffortBudget* budget = nullptr);
  Status put_unless_stored(const Digest& digest, std::string_view packed);
  Status put_packed(const Digest& digest, std::string_view packed);
  Failure note_damage(const Digest& digest, const std::string& what) const;

  Database& database_;
};

// Bytes that are stored under `digest` are what they should be.
bool is_sound_blob(const Digest& digest, std::string_view packed);

// One content, as it comes. Without finish() some of its chunks may be stored, and nothing refers
// to them. Holds at most kChunkedSize bytes and the longest piece.
class BlobWriter {
 public:
  // Without a budget everything is compressed quickly.
  explicit BlobWriter(BlobStore& blobs, EffortBudget* budget = nullptr)
      : blobs_(blobs), budget_(budget) {}

  Status add(std::string_view piece);
  Result<Digest> finish();  // once
  // Bytes that the store has more by it: none of what was there.
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

 private:
  Status cut(std::size_t keep);

  BlobStore& blobs_;
  EffortBudget* budget_;
  std::string held_;  // not stored yet
  std::uint64_t size_ = 0;
  std::uint64_t taken_ = 0;
  std::optional<Hasher> hasher_;  // of one that is cut
  ChunkList chunks_;
};

}  // namespace rollback
