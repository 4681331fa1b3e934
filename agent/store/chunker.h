// SPDX-License-Identifier: Apache-2.0
// Where large contents are cut, so that what two of them have in common becomes the same chunks
// even when it moved: FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking. Where a
// content is cut is no part of the format; other sizes only find less in common with what is stored
// already. ADR 0014 says why large contents are cut at all.
#pragma once

#include <cstddef>
#include <string_view>

namespace rollback {

inline constexpr std::size_t kMinChunk = 16 * 1024;
inline constexpr std::size_t kAverageChunk = 64 * 1024;
inline constexpr std::size_t kMaxChunk = 256 * 1024;

// Length of the first chunk of `bytes`: at least kMinChunk and at most kMaxChunk, or all of them
// when there are fewer. Depends on nothing behind the first kMaxChunk bytes.
std::size_t first_chunk(std::string_view bytes) noexcept;

}  // namespace rollback
