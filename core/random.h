// SPDX-License-Identifier: Apache-2.0
// Where unpredictable bytes come from; passed in from main, so that tests can repeat a run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rollback {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::uint8_t* bytes, std::size_t size) = 0;  // any thread
};

// libsodium's generator.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  void fill(std::uint8_t* bytes, std::size_t size) override;
};

}  // namespace rollback
