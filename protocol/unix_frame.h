// SPDX-License-Identifier: Apache-2.0
// Frames of the unix door: a 4-byte little-endian length and as many bytes, at most
// WireLimits::kMaxFrame. Private to protocol/.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace rollback {

inline constexpr std::size_t kFrameHeader = 4;  // bytes

// kInvalid when `payload` is longer than a frame may be.
Result<std::string> make_frame(std::string_view payload);

// Takes the first whole frame's payload off the front of `bytes`; nullopt when more are needed;
// kInvalid when the length is above the limit, after which the stream is of no more use.
Result<std::optional<std::string>> take_frame(std::string_view& bytes);

}  // namespace rollback
