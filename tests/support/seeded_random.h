// SPDX-License-Identifier: Apache-2.0
// Random bytes that can be had again.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>

#include "core/random.h"

namespace rollback {

// ROLLBACK_SEED from the environment, else a new one; printed the first time it is asked for.
std::uint64_t seed_of_this_run();

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed = seed_of_this_run()) : engine_(seed) {}
  void fill(std::uint8_t* bytes, std::size_t size) override;
  // In [0, bound); bound above 0.
  std::uint64_t below(std::uint64_t bound);

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace rollback
