// SPDX-License-Identifier: Apache-2.0
#include "core/bytes.h"

#include <fmt/format.h>

#include <charconv>

namespace rollback {

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return fmt::format("{:.1f} {}", value, unit);
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  std::uint64_t number = 0;
  const char* const behind = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), behind, number);
  std::string_view unit(end, static_cast<std::size_t>(behind - end));
  const auto power = unit.empty() ? std::string_view::npos : kUnits.find(unit.front());
  const std::uint64_t scale = unit.empty() ? 1
                              : power == std::string_view::npos
                                  ? 0
                                  : std::uint64_t{1024} << (10 * power);
  if (!unit.empty()) unit.remove_prefix(1);
  const bool ends = unit.empty() || unit == "iB";
  if (error != std::errc() || scale == 0 || !ends || number > INT64_MAX / scale)
    return fail(ErrorCode::kInvalid,
                "'" + std::string(text) + "' is not a size such as 500M, 20G or 1T");
  return number * scale;
}

}  // namespace rollback
