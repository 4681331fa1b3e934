// SPDX-License-Identifier: Apache-2.0
#include "agent/store/blob_format.h"

#include <fmt/format.h>
#include <zstd.h>

namespace rollback {
namespace {

constexpr std::size_t kHeaderSize = 1 + 8;
constexpr int kLevel = 3;
// A zstd block holds at most 128 KiB and takes at least 4 bytes (header and one repeated byte).
constexpr std::uint64_t kMaxRatio = 128ULL * 1024 / 4;

std::string header(BlobEncoding encoding, std::uint64_t size) {
  std::string bytes(1, static_cast<char>(encoding));
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
  return bytes;
}

Failure damaged(std::string why) {
  return fail(ErrorCode::kCorrupt, "the stored content is damaged: " + std::move(why));
}

Result<std::string> decompress(std::string_view frame, std::uint64_t size) {
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != size)
    return damaged("its two sizes differ");
  if (size > frame.size() * kMaxRatio)
    return damaged(fmt::format("{} bytes cannot hold {}", frame.size(), size));
  std::string content(size, '\0');
  const std::size_t written =
      ZSTD_decompress(content.data(), content.size(), frame.data(), frame.size());
  if (ZSTD_isError(written) != 0) return damaged(ZSTD_getErrorName(written));
  if (written != size) return damaged(fmt::format("{} bytes instead of {}", written, size));
  return content;
}

}  // namespace

Result<std::string> pack_blob(std::string_view content) {
  if (content.size() > kMaxBlobSize)
    return fail(ErrorCode::kInvalid, fmt::format("a file of {} bytes is too large to be stored "
                                                 "(at most {}); exclude it",
                                                 content.size(), kMaxBlobSize));
  std::string packed = header(BlobEncoding::kZstd, content.size());
  // Room for less than the content: what does not shrink is an error here and stays raw.
  packed.resize(kHeaderSize + content.size());
  const std::size_t size = ZSTD_compress(packed.data() + kHeaderSize, content.size(),
                                         content.data(), content.size(), kLevel);
  if (ZSTD_isError(size) != 0 || size >= content.size())
    return header(BlobEncoding::kRaw, content.size()).append(content);
  packed.resize(kHeaderSize + size);
  return packed;
}

Result<std::string> unpack_blob(std::string_view packed) {
  if (packed.size() < kHeaderSize) return damaged("it is too short");
  std::uint64_t size = 0;
  for (std::size_t i = 1; i < kHeaderSize; ++i)
    size = size << 8 | static_cast<unsigned char>(packed[i]);
  if (size > kMaxBlobSize) return damaged(fmt::format("it declares {} bytes", size));
  const std::string_view content = packed.substr(kHeaderSize);
  switch (static_cast<BlobEncoding>(packed[0])) {
    case BlobEncoding::kRaw:
      if (content.size() != size)
        return damaged(fmt::format("{} bytes instead of {}", content.size(), size));
      return std::string(content);
    case BlobEncoding::kZstd:
      return decompress(content, size);
  }
  return damaged(fmt::format("unknown encoding {}", static_cast<unsigned char>(packed[0])));
}

}  // namespace rollback
