// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/text_diff.h"

#include <fmt/format.h>

#include <dtl/dtl.hpp>
#include <sstream>
#include <vector>

namespace rollback {

namespace {

constexpr std::size_t kMostBytes = 1024 * 1024;
constexpr std::size_t kMostLines = 20'000;

// Escapes what would steer a terminal; bytes above 127 pass, so that UTF-8 stays readable.
std::string printable(std::string_view line) {
  std::string shown;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\t' || (byte >= 0x20 && byte != 0x7f))
      shown += c;
    else
      shown += fmt::format("\\x{:02x}", byte);
  }
  return shown;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(printable(text.substr(0, end)));
    if (end == std::string_view::npos) {
      lines.emplace_back("\\ no newline at the end");
      break;
    }
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

bool looks_binary(std::string_view bytes) noexcept {
  return bytes.substr(0, 8192).find('\0') != std::string_view::npos;
}

std::string unified_diff(std::string_view from, std::string_view to, const std::string& path) {
  if (from == to) return "";
  const std::string name = printable(path);
  if (looks_binary(from) || looks_binary(to)) return "binary content of " + name + " differs\n";
  if (from.size() > kMostBytes || to.size() > kMostBytes)
    return "content of " + name + " differs (too large to show)\n";
  const auto before = lines_of(from);
  const auto after = lines_of(to);
  if (before.size() > kMostLines || after.size() > kMostLines)
    return "content of " + name + " differs (too many lines to show)\n";
  dtl::Diff<std::string> diff(before, after);
  diff.onHuge();
  diff.compose();
  diff.composeUnifiedHunks();
  std::ostringstream text;
  text << "--- " << name << "\n+++ " << name << "\n";
  diff.printUnifiedFormat(text);
  return text.str();
}

}  // namespace rollback
