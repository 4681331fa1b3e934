// SPDX-License-Identifier: Apache-2.0
// A bucket of tokens over a clock that the caller reads: how long to wait so that on average no
// more than so much is done in a second. A value; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/clock.h"

namespace rollback {

class RateLimit {
 public:
  // Of units in a second; 0 is no limit. What was not used within the last `saved` may be caught
  // up.
  RateLimit(std::uint64_t per_second, BootTime now, Duration saved = std::chrono::milliseconds(100))
      : per_second_(per_second), saved_(saved), free_(now) {}

  // `amount` has been done: when to go on. In the past when there is no need to wait.
  BootTime after(std::uint64_t amount, BootTime now) {
    if (per_second_ == 0) return now;
    const double seconds = static_cast<double>(amount) / static_cast<double>(per_second_);
    free_ = std::max(free_, now - saved_) +
            std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    return free_;
  }

 private:
  std::uint64_t per_second_;
  Duration saved_;
  BootTime free_;
};

}  // namespace rollback
