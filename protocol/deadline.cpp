// SPDX-License-Identifier: Apache-2.0
#include "protocol/deadline.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

namespace rollback {

Deadline::Deadline(Duration from_now)
    : fd_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t ns = std::max<std::int64_t>(from_now.count(), 1);  // 0 would disarm it
  itimerspec when{};
  when.it_value.tv_sec = ns / kSecond;
  when.it_value.tv_nsec = ns % kSecond;
  if (fd_ >= 0) timerfd_settime(fd_, 0, &when, nullptr);
}

Deadline::~Deadline() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace rollback
