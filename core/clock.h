// SPDX-License-Identifier: Apache-2.0
// Time, injected. WallTime is for people and records; deadlines use BootTime (CLOCK_BOOTTIME),
// which neither NTP nor an operator can step.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace rollback {

using Duration = std::chrono::nanoseconds;

struct WallTag {};
struct BootTag {};
// Nanoseconds since the epoch of Tag's clock.
template <typename Tag>
struct TimePoint {
  std::int64_t ns = 0;
  auto operator<=>(const TimePoint&) const = default;
  TimePoint operator+(Duration d) const { return {ns + d.count()}; }
  TimePoint operator-(Duration d) const { return {ns - d.count()}; }
  Duration operator-(TimePoint other) const { return Duration(ns - other.ns); }
};
using WallTime = TimePoint<WallTag>;
using BootTime = TimePoint<BootTag>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;  // any thread
  virtual BootTime boot() const = 0;  // any thread
};

class SystemClock final : public Clock {
 public:
  WallTime wall() const override;
  BootTime boot() const override;
};

// "2026-11-22T20:07:55Z"
std::string format_utc(WallTime time);
// "1.32 s", "450 ms", "4 min 12 s": for people.
std::string format_duration(Duration duration);
// "500ms", "60s", "5m", "2h", "30d": kInvalid otherwise and above ten years. Source of the grammar:
// Go's time.ParseDuration, one number and one unit.
Result<Duration> parse_duration(std::string_view text);

}  // namespace rollback
