// SPDX-License-Identifier: Apache-2.0
// Line by line differences for people: bounded in time, memory and length, printable, and never of
// secrets or binaries (who asks sees to that). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rollback {

inline constexpr std::size_t kMostDiffedBytes = 1024 * 1024;  // of one side
inline constexpr std::size_t kMostDiffedLines = 20'000;
inline constexpr std::size_t kMostDiffText = 128 * 1024;  // bytes; a reply holds it with ease

// How much of a content looks_binary() wants to see.
inline constexpr std::size_t kBinaryHead = 8192;
// True for content with a NUL in its first 8 KiB, as git decides it.
bool looks_binary(std::string_view bytes) noexcept;

struct TextDiff {
  std::string text;         // unified, three lines of context; "" when equal. Cut with a line that
                            // says so; control characters are escaped
  std::uint64_t added = 0;  // lines, those that were cut included
  std::uint64_t removed = 0;
};
// `path` is for the header. nullopt when a side is beyond the limits above.
std::optional<TextDiff> diff_text(std::string_view from, std::string_view to,
                                  const std::string& path);

}  // namespace rollback
