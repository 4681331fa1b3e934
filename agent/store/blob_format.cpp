// SPDX-License-Identifier: Apache-2.0
#include "agent/store/blob_format.h"

#include <fmt/format.h>
#include <zstd.h>

#include <memory>
#include <new>

namespace rollback {
namespace {

constexpr std::size_t kHeaderSize = 1 + 8;
constexpr std::size_t kChunkSize = Digest::kSize + 4;
// A zstd block holds at most 128 KiB and takes at least 4 bytes (header and one repeated byte).
constexpr std::uint64_t kMaxRatio = 128ULL * 1024 / 4;

void put_number(std::string& bytes, std::uint64_t number, int width) {
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8)
    bytes += static_cast<char>(number >> shift & 0xff);
}

std::uint64_t take_number(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string header(BlobEncoding encoding, std::uint64_t size) {
  std::string bytes(1, static_cast<char>(encoding));
  put_number(bytes, size, 8);
  return bytes;
}

// Kept by each thread: making one costs more than the work on a small file.
struct FreeContext {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};
ZSTD_CCtx* compression() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

ZSTD_DCtx* decompression() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

Failure damaged(std::string why) {
  return fail(ErrorCode::kCorrupt, "the stored content is damaged: " + std::move(why));
}

// Ties a list to the content it stands for.
Digest binding(const Digest& content, std::string_view entries) {
  Hasher hasher;
  hasher.update(content.view());
  hasher.update(entries);
  return hasher.finish();
}

Result<ChunkList> chunks_of(const Digest& content, std::string_view body, std::uint64_t size) {
  if (body.size() < Digest::kSize || (body.size() - Digest::kSize) % kChunkSize != 0)
    return damaged("its list of chunks is cut short");
  std::string_view entries = body.substr(Digest::kSize);
  if (binding(content, entries).view() != body.substr(0, Digest::kSize))
    return damaged("its list of chunks does not belong to it");
  ChunkList chunks;
  for (; !entries.empty(); entries.remove_prefix(kChunkSize)) {
    ROLLBACK_ASSIGN(const Digest digest, Digest::from_bytes(entries.substr(0, Digest::kSize)));
    const auto length = static_cast<std::uint32_t>(take_number(entries.substr(Digest::kSize, 4)));
    if (length > size) return damaged("its chunks are longer than it");
    size -= length;
    chunks.push_back({digest, length});
  }
  if (size != 0) return damaged("its chunks are shorter than it");
  return chunks;
}

Result<std::string> decompress(std::string_view frame, std::uint64_t size) {
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != size)
    return damaged("its two sizes differ");
  if (size > frame.size() * kMaxRatio)
    return damaged(fmt::format("{} bytes cannot hold {}", frame.size(), size));
  std::string content(size, '\0');
  const std::size_t written = ZSTD_decompressDCtx(decompression(), content.data(), content.size(),
                                                  frame.data(), frame.size());
  if (ZSTD_isError(written) != 0) return damaged(ZSTD_getErrorName(written));
  if (written != size) return damaged(fmt::format("{} bytes instead of {}", written, size));
  return content;
}

}  // namespace

Result<std::string_view> pack_blob(std::string_view content, std::string& room, Effort effort) {
  if (content.size() > kMaxBlobSize)
    return fail(ErrorCode::kInvalid, fmt::format("a file of {} bytes is too large to be stored "
                                                 "(at most {}); exclude it",
                                                 content.size(), kMaxBlobSize));
  // With room for the worst case zstd need not look at each step whether there is any left.
  const std::size_t bound = ZSTD_compressBound(content.size());
  if (room.size() < kHeaderSize + bound) room.resize(kHeaderSize + bound);
  std::size_t size = ZSTD_compressCCtx(compression(), room.data() + kHeaderSize, bound,
                                       content.data(), content.size(), static_cast<int>(effort));
  const bool raw = ZSTD_isError(size) != 0 || size >= content.size();
  if (raw) size = content.copy(room.data() + kHeaderSize, content.size());
  header(raw ? BlobEncoding::kRaw : BlobEncoding::kZstd, content.size())
      .copy(room.data(), kHeaderSize);
  return std::string_view(room).substr(0, kHeaderSize + size);
}

Result<std::string> pack_blob(std::string_view content) {
  std::string room;
  ROLLBACK_ASSIGN(const auto packed, pack_blob(content, room));
  return std::string(packed);
}

std::string pack_chunks(const Digest& content, const ChunkList& chunks) {
  std::uint64_t size = 0;
  std::string entries;
  entries.reserve(chunks.size() * kChunkSize);
  for (const auto& chunk : chunks) {
    size += chunk.size;
    entries += chunk.digest.view();
    put_number(entries, chunk.size, 4);
  }
  return header(BlobEncoding::kChunks, size)
      .append(binding(content, entries).view())
      .append(entries);
}

bool is_chunk_list(std::string_view packed) noexcept {
  return !packed.empty() && static_cast<BlobEncoding>(packed[0]) == BlobEncoding::kChunks;
}

std::uint64_t declared_size(std::string_view packed) noexcept {
  return packed.size() < kHeaderSize ? 0 : take_number(packed.substr(1, 8));
}

Result<std::variant<std::string, ChunkList>> unpack_blob(const Digest& content,
                                                         std::string_view packed) {
  if (packed.size() < kHeaderSize) return damaged("it is too short");
  const std::uint64_t size = take_number(packed.substr(1, 8));
  const std::string_view body = packed.substr(kHeaderSize);
  const auto encoding = static_cast<BlobEncoding>(packed[0]);
  const std::uint64_t most = encoding == BlobEncoding::kChunks ? kMaxContentSize : kMaxBlobSize;
  if (size > most) return damaged(fmt::format("it declares {} bytes", size));
  switch (encoding) {
    case BlobEncoding::kRaw:
      if (body.size() != size)
        return damaged(fmt::format("{} bytes instead of {}", body.size(), size));
      return std::string(body);
    case BlobEncoding::kZstd:
      return decompress(body, size);
    case BlobEncoding::kChunks:
      return chunks_of(content, body, size);
  }
  return damaged(fmt::format("unknown encoding {}", static_cast<unsigned char>(packed[0])));
}

}  // namespace rollback
