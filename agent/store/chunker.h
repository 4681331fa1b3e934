// SPDX-License-Identifier: Apache-2.0
// Where large contents are cut, so that what two of them have in common becomes the same chunks
// even when it moved: FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking. Where a
// content is cut is no part of the format; other sizes only find less in common with what is stored
// already. ADR 0014 says why large contents are cut at all.
#pragma once

#include <cstddef>
#include <string_view>

namespace rollback {

struct ChunkSizes {
  std::size_t min = 0;
  std::size_t average = 0;  // a power of two
  std::size_t max = 0;
};

inline constexpr std::size_t kMinChunk = 16 * 1024;
inline constexpr std::size_t kAverageChunk = 64 * 1024;
inline constexpr std::size_t kMaxChunk = 256 * 1024;

// Length of the first chunk of `bytes`: at least `min` and at most `max`, or all of them when there
// are fewer. Depends on nothing behind the first `max` bytes.
std::size_t first_chunk(std::string_view bytes,
                        const ChunkSizes& sizes = {kMinChunk, kAverageChunk, kMaxChunk}) noexcept;

}  // namespace rollback
