// SPDX-License-Identifier: Apache-2.0
// A point in time as a descriptor (timerfd on CLOCK_BOOTTIME), for waits that poll something else
// too and must not begin anew after each partial success. Private to protocol/.
#pragma once

#include "core/clock.h"

namespace rollback {

class Deadline {
 public:
  explicit Deadline(Duration from_now);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  // Readable once the time has come; -1 when the process has no descriptor left.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace rollback
