// SPDX-License-Identifier: Apache-2.0
// Amounts of bytes as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace rollback {

// "512 B", "12.3 MiB".
std::string format_bytes(std::uint64_t bytes);
// "500M", "20G", "20GiB", "4096": a number and a unit of 1024, 1024^2, ...; kInvalid otherwise.
Result<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace rollback
