// SPDX-License-Identifier: Apache-2.0
// The bytes of a stored blob: one byte of encoding, the size of the content as 8 bytes big-endian,
// then the content raw or as one zstd frame, whichever is smaller, or, for a large one, the list of
// its chunks, which are blobs of their own. Pure functions of values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/digest.h"

namespace rollback {

inline constexpr std::uint64_t kMaxBlobSize = 1024ULL * 1024 * 1024;
inline constexpr std::uint64_t kMaxContentSize = 64 * kMaxBlobSize;  // as a list of chunks

// Levels of zstd; no part of the format (ADR 0014).
enum class Effort : int { kQuick = 1, kThorough = 5 };

enum class BlobEncoding : std::uint8_t { kRaw = 0, kZstd = 1, kChunks = 2 };  // never reuse one

struct Chunk {
  Digest digest;
  std::uint32_t size = 0;  // bytes of content
  bool operator==(const Chunk&) const = default;
};
using ChunkList = std::vector<Chunk>;

// A view of `room`, which grows as needed and is best kept for the next. kInvalid above
// kMaxBlobSize.
Result<std::string_view> pack_blob(std::string_view content, std::string& room,
                                   Effort effort = Effort::kQuick);
Result<std::string> pack_blob(std::string_view content);
// `content` is the hash of the whole, which the list is bound to: a list under another key, or with
// a byte changed, is kCorrupt when it is unpacked.
std::string pack_chunks(const Digest& content, const ChunkList& chunks);
bool is_chunk_list(std::string_view packed) noexcept;
// Bytes of content that it says it holds, before anything of it was checked; 0 when it is too
// short.
std::uint64_t declared_size(std::string_view packed) noexcept;
// What is stored under `content`, a whole content or its list. kCorrupt for anything the functions
// above cannot have made. Memory is bounded by the declared size, which is believed only up to
// kMaxBlobSize and up to the highest ratio that zstd reaches. A whole content is not hashed here.
Result<std::variant<std::string, ChunkList>> unpack_blob(const Digest& content,
                                                         std::string_view packed);

}  // namespace rollback
