// SPDX-License-Identifier: Apache-2.0
// A clock that moves only when a test moves it. Any thread.
#pragma once

#include <atomic>

#include "core/clock.h"

namespace rollback {

class FakeClock final : public Clock {
 public:
  WallTime wall() const override { return {wall_ns_}; }
  BootTime boot() const override { return {boot_ns_}; }

  // Time passes: both clocks move.
  void advance(Duration duration) {
    wall_ns_ += duration.count();
    boot_ns_ += duration.count();
  }
  // Somebody sets the clock: deadlines must not notice.
  void set_wall(WallTime time) { wall_ns_ = time.ns; }

 private:
  std::atomic<std::int64_t> wall_ns_ = 1'700'000'000'000'000'000;  // 2023-11-14T22:13:20Z
  std::atomic<std::int64_t> boot_ns_ = 1'000'000'000'000;
};

}  // namespace rollback
