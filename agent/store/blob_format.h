// SPDX-License-Identifier: Apache-2.0
// The bytes of a stored blob: one byte of encoding, its size as 8 bytes big-endian, then the
// content, raw or as one zstd frame, whichever is smaller. Pure functions of values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace rollback {

inline constexpr std::uint64_t kMaxBlobSize = 1024ULL * 1024 * 1024;

enum class BlobEncoding : std::uint8_t { kRaw = 0, kZstd = 1 };  // stored; never reuse a number

// kInvalid above kMaxBlobSize.
Result<std::string> pack_blob(std::string_view content);
// kCorrupt for anything pack_blob() cannot have made. Memory is bounded by the declared size, which
// is believed only up to kMaxBlobSize and up to the highest ratio that zstd reaches.
Result<std::string> unpack_blob(std::string_view packed);

}  // namespace rollback
