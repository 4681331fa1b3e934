// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace rollback {

namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  // 0: not UTF-8
};

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

CodePoint decode(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t size = first < 0x80   ? 1
                           : first < 0xC2 ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
  if (size == 0 || size > text.size()) return {};
  std::uint32_t value = size == 1 ? first : first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i])) return {};
    value = value << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool impossible = value > 0x10FFFF || (value >= 0xD800 && value < 0xE000);
  if (overlong || impossible) return {};
  return {value, size};
}

bool may_be_shown(std::uint32_t value) {
  const bool control = value < 0x20 || (value >= 0x7F && value < 0xA0);
  const bool line_end = value == 0x2028 || value == 0x2029;
  const bool direction = value == 0x200E || value == 0x200F ||
                         (value >= 0x202A && value <= 0x202E) ||
                         (value >= 0x2066 && value <= 0x2069);
  return !control && !line_end && !direction;
}

}  // namespace

std::string printable_line(std::string_view text, std::size_t limit) {
  constexpr std::string_view kCut = "...";
  std::string line;
  std::size_t whole = 0;  // longest prefix of `line` that leaves room for kCut
  while (!text.empty()) {
    const CodePoint point = decode(text);
    const std::size_t size = point.size == 0 ? 1 : point.size;
    if (text[0] == '\t') {
      line += ' ';
    } else if (point.size != 0 && may_be_shown(point.value)) {
      line += text.substr(0, size);
    } else {
      for (const char byte : text.substr(0, size))
        line += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
    if (line.size() > limit) return line.substr(0, whole).append(kCut);
    if (line.size() + kCut.size() <= limit) whole = line.size();
    text.remove_prefix(size);
  }
  return line;
}

std::vector<std::string> last_lines(std::string_view text, std::size_t lines, std::size_t limit) {
  constexpr std::string_view kSpaces = " \t\r\n";
  std::vector<std::string> found;
  while (found.size() < lines) {
    const auto end = text.find_last_not_of(kSpaces);
    if (end == std::string_view::npos) break;
    text = text.substr(0, end + 1);
    const auto newline = text.rfind('\n');
    const auto begin = newline == std::string_view::npos ? 0 : newline + 1;
    found.push_back(printable_line(text.substr(begin), limit));
    text = text.substr(0, begin);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace rollback
