// SPDX-License-Identifier: Apache-2.0
// What a check has looked at, and how fast it may go on.
#pragma once

#include "agent/store/scrub.h"
#include "core/rate_limit.h"

namespace rollback {

class ScrubPace {
 public:
  // A check reads for this long, or this many objects, without a look at its watcher.
  static constexpr std::uint64_t kBurst = 1024 * 1024;
  static constexpr std::uint64_t kBurstObjects = 64;

  ScrubPace(const Clock& clock, std::uint64_t rate, ScrubWatcher& watcher)
      : clock_(clock), limit_(rate, clock.boot()), watcher_(watcher) {}

  // One object more.
  void count(std::uint64_t bytes) {
    ++count_.objects;
    count_.bytes += bytes;
    waiting_ += bytes;
    ++waiting_objects_;
  }
  [[nodiscard]] bool due() const noexcept {
    return waiting_ >= kBurst || waiting_objects_ >= kBurstObjects;
  }
  // Tells the watcher and waits as the rate wants it. False: the check is to end.
  bool go_on() {
    watcher_.on_progress(count_);
    const BootTime until = limit_.after(waiting_, clock_.boot());
    waiting_ = waiting_objects_ = 0;
    stopped_ = stopped_ || watcher_.pause(until);
    return !stopped_;
  }
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] ScrubCount& counted() noexcept { return count_; }

 private:
  const Clock& clock_;
  RateLimit limit_;
  ScrubWatcher& watcher_;
  ScrubCount count_;
  std::uint64_t waiting_ = 0;
  std::uint64_t waiting_objects_ = 0;
  bool stopped_ = false;
};

}  // namespace rollback
