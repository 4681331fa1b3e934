// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry into the one function that ROLLBACK_FUZZER names.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzzers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rollback::fuzz::ROLLBACK_FUZZER({reinterpret_cast<const char*>(data), size});
  return 0;
}
