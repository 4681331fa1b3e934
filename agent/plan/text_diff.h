// SPDX-License-Identifier: Apache-2.0
// Unified diffs for people: bounded, printable, and never of secrets or binaries.
#pragma once

#include <string>
#include <string_view>

namespace rollback {

// True for content with a NUL in its first 8 KiB, as git decides it.
bool looks_binary(std::string_view bytes) noexcept;

// Unified diff with three lines of context and `path` in its header; "" when equal. Sides above
// 1 MiB or 20,000 lines, and binaries, give one line that says so. Control characters are escaped.
std::string unified_diff(std::string_view from, std::string_view to, const std::string& path);

}  // namespace rollback
