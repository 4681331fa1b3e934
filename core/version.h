// SPDX-License-Identifier: Apache-2.0
// The version of the programs, from CMakeLists.txt.
#pragma once

namespace rollback {

inline constexpr const char* kVersion = ROLLBACK_VERSION;

}  // namespace rollback
