// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), RFC 3720 appendix B.4: finds what a disk
// or a cut write did to bytes, not what somebody did on purpose.
#pragma once

#include <cstdint>
#include <string_view>

namespace rollback {

// `before` is the sum of the bytes in front of `bytes`; 0 when there are none.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;

}  // namespace rollback
