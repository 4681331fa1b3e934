// SPDX-License-Identifier: Apache-2.0
#include "tests/support/seeded_random.h"

#include <cstdio>
#include <cstdlib>

namespace rollback {

std::uint64_t seed_of_this_run() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("ROLLBACK_SEED");
    const std::uint64_t chosen =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::printf("seed %llu (ROLLBACK_SEED=%llu repeats this run)\n",
                static_cast<unsigned long long>(chosen), static_cast<unsigned long long>(chosen));
    return chosen;
  }();
  return seed;
}

void SeededRandom::fill(std::uint8_t* bytes, std::size_t size) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(engine_());
}

std::uint64_t SeededRandom::below(std::uint64_t bound) {
  const std::lock_guard lock(mutex_);
  return engine_() % bound;
}

}  // namespace rollback
