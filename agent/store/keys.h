// SPDX-License-Identifier: Apache-2.0
// Numbers in keys: 8 bytes big-endian, so that byte order is number order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rollback {

inline std::string number_key(std::uint64_t number) {
  std::string key;
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift & 0xff);
  return key;
}

// `key` has 8 bytes.
inline std::uint64_t key_number(std::string_view key) {
  std::uint64_t number = 0;
  for (const char byte : key) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace rollback
