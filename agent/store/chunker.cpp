// SPDX-License-Identifier: Apache-2.0
#include "agent/store/chunker.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace rollback {

namespace {

// 256 random numbers, the same in every build: SplitMix64 (Steele et al., OOPSLA 2014).
constexpr std::array<std::uint64_t, 256> make_gear() {
  std::array<std::uint64_t, 256> gear{};
  std::uint64_t state = 0x726f6c6c6261636bULL;  // "rollback"
  for (auto& value : gear) {
    state += 0x9e3779b97f4a7c15ULL;
    value = state;
    value = (value ^ value >> 30U) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27U) * 0x94d049bb133111ebULL;
    value ^= value >> 31U;
  }
  return gear;
}
constexpr auto kGear = make_gear();

// The upper bits: they depend on the most bytes before.
constexpr std::uint64_t upper_bits(int count) { return ~0ULL << static_cast<unsigned>(64 - count); }
// The first place from `begin` where the rolling hash meets `mask`, or `end`.
std::size_t find_cut(std::string_view bytes, std::size_t begin, std::size_t end, std::uint64_t mask,
                     std::uint64_t& hash) noexcept {
  for (std::size_t i = begin; i < end; ++i) {
    hash = (hash << 1U) + kGear[static_cast<unsigned char>(bytes[i])];
    if ((hash & mask) == 0) return i + 1;
  }
  return end;
}

}  // namespace

std::size_t first_chunk(std::string_view bytes, const ChunkSizes& sizes) noexcept {
  const std::size_t end = std::min(bytes.size(), sizes.max);
  if (end <= sizes.min) return end;
  const std::size_t middle = std::min(end, sizes.average);
  // Two bits more before the average and two fewer behind it keep chunks near it.
  const int bits = std::countr_zero(sizes.average);
  std::uint64_t hash = 0;
  const std::size_t cut = find_cut(bytes, sizes.min, middle, upper_bits(bits + 2), hash);
  // A cut at `middle` itself is one; telling it from none costs more than it brings.
  return cut < middle ? cut : find_cut(bytes, middle, end, upper_bits(bits - 2), hash);
}

}  // namespace rollback
