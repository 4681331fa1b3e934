// SPDX-License-Identifier: Apache-2.0
#include "protocol/unix_frame.h"

#include <fmt/format.h>

#include "protocol/codec.h"

namespace rollback {

namespace {

Failure too_long(std::size_t size) {
  return fail(ErrorCode::kInvalid, fmt::format("a message of {} bytes is above the limit of {}",
                                               size, WireLimits::kMaxFrame));
}

}  // namespace

Result<std::string> make_frame(std::string_view payload) {
  if (payload.size() > WireLimits::kMaxFrame) return too_long(payload.size());
  std::string frame;
  frame.reserve(kFrameHeader + payload.size());
  for (std::size_t i = 0; i < kFrameHeader; ++i)
    frame += static_cast<char>(payload.size() >> (8 * i) & 0xff);
  frame += payload;
  return frame;
}

Result<std::optional<std::string>> take_frame(std::string_view& bytes) {
  if (bytes.size() < kFrameHeader) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = kFrameHeader; i-- > 0;)
    size = size << 8 | static_cast<unsigned char>(bytes[i]);
  if (size > WireLimits::kMaxFrame) return too_long(size);
  if (bytes.size() < kFrameHeader + size) return std::nullopt;
  std::string payload(bytes.substr(kFrameHeader, size));
  bytes.remove_prefix(kFrameHeader + size);
  return payload;
}

}  // namespace rollback
