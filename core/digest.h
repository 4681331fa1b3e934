// SPDX-License-Identifier: Apache-2.0
// SHA-256 values, an incremental hasher, and the project's hex.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace rollback {

std::string to_hex(const std::uint8_t* bytes, std::size_t size);
// Lower-case hex of exactly 2 * size digits; false otherwise.
bool parse_hex(std::string_view text, std::uint8_t* bytes, std::size_t size);

struct Digest {
  static constexpr std::size_t kSize = 32;
  std::array<std::uint8_t, kSize> bytes{};  // all zero: "none"

  static Result<Digest> parse(std::string_view hex);
  static Result<Digest> from_bytes(std::string_view raw);  // exactly 32 bytes
  [[nodiscard]] std::string hex() const { return to_hex(bytes.data(), kSize); }
  [[nodiscard]] std::string_view view() const noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), kSize};
  }
  [[nodiscard]] bool is_none() const noexcept { return *this == Digest(); }
  auto operator<=>(const Digest&) const = default;
};

Digest sha256(std::string_view bytes);

// Incremental SHA-256. One owner, one thread; finish() may be called once.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void update(std::string_view bytes);
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rollback

template <>
struct std::hash<rollback::Digest> {
  std::size_t operator()(const rollback::Digest& digest) const noexcept {
    std::size_t value = 0;
    for (std::size_t i = 0; i < sizeof(value); ++i) value = value << 8 | digest.bytes[i];
    return value;
  }
};
