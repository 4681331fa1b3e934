// SPDX-License-Identifier: Apache-2.0
#include "core/clock.h"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

namespace rollback {

namespace {

std::int64_t read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

WallTime SystemClock::wall() const { return {read_clock(CLOCK_REALTIME)}; }
BootTime SystemClock::boot() const { return {read_clock(CLOCK_BOOTTIME)}; }

std::string format_utc(WallTime time) {
  const std::time_t seconds = time.ns / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string format_duration(Duration duration) {
  const auto ms = duration.count() / 1'000'000;
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{:.2f} s", static_cast<double>(ms) / 1000.0);
  return fmt::format("{} min {} s", ms / 60'000, ms / 1000 % 60);
}

Result<Duration> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t scale = unit == "ms"  ? 1'000'000
                             : unit == "s" ? 1'000'000'000
                             : unit == "m" ? 60'000'000'000
                             : unit == "h" ? 3'600'000'000'000
                             : unit == "d" ? 24 * 3'600'000'000'000
                                           : 0;
  constexpr std::int64_t kLongest = 3660LL * 24 * 3'600'000'000'000;
  if (error != std::errc() || scale == 0 || number < 0 || number > kLongest / scale)
    return fail(ErrorCode::kInvalid,
                "'" + std::string(text) + "' is not a duration such as 500ms, 60s, 5m, 2h or 30d");
  return Duration(number * scale);
}

}  // namespace rollback
