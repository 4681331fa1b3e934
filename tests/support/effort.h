// SPDX-License-Identifier: Apache-2.0
// How much a proof covers: what each change can wait for, or all with `scripts/test.sh --nightly`.
#pragma once

#include <cstdlib>
#include <string_view>

namespace rollback {

// ROLLBACK_NIGHTLY=1
inline bool is_nightly() {
  const char* value = std::getenv("ROLLBACK_NIGHTLY");
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace rollback
