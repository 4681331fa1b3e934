// SPDX-License-Identifier: Apache-2.0
#include "core/random.h"

#include <sodium.h>

#include <cstdlib>

namespace rollback {

SystemRandom::SystemRandom() {
  if (sodium_init() < 0) std::abort();  // no entropy: nothing after this would be safe
}

void SystemRandom::fill(std::uint8_t* bytes, std::size_t size) { randombytes_buf(bytes, size); }

}  // namespace rollback
