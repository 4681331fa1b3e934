// SPDX-License-Identifier: Apache-2.0
#include "agent/service/scrub_desk.h"

#include <utility>

namespace rollback {

namespace {

// Nobody bites a check that is slow: how long it takes is for its rate to say.
constexpr Duration kNoDeadline = std::chrono::hours(24 * 365);

}  // namespace

ScrubDesk::ScrubDesk(Database& database, const Clock& clock)
    : marks_(database), clock_(clock), thread_("scrub", clock, 1) {
  look_up_verified();
}

ScrubDesk::~ScrubDesk() { stop(); }

void ScrubDesk::look_up_verified() { verified_ = marks_.last_deep().ns; }

Status ScrubDesk::begin(const Destination& asker, std::function<void()> check) {
  {
    const std::lock_guard lock(mutex_);
    if (asker_)
      return fail(
          ErrorCode::kBusy,
          "the store is being verified already; wait for it, or end it with Ctrl-C where it "
          "was begun");
    asker_ = asker;
    end_ = stopped_;
    ++jobs_;
  }
  const auto over = [this] {
    const std::lock_guard lock(mutex_);
    --jobs_;
    ending_.notify_all();
  };
  const auto posted =
      thread_.post({"a verification of the store", kNoDeadline, [check = std::move(check), over] {
                      check();
                      over();
                    }});
  if (posted) return posted;
  done();
  over();
  return posted;
}

void ScrubDesk::done() {
  look_up_verified();
  const std::lock_guard lock(mutex_);
  asker_.reset();
}

void ScrubDesk::forget(const Destination& asker) {
  const std::lock_guard lock(mutex_);
  if (asker_ != asker) return;
  end_ = true;
  ending_.notify_all();
}

void ScrubDesk::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = end_ = true;
  ending_.notify_all();
  ending_.wait(lock, [this] { return jobs_ == 0; });
}

bool ScrubDesk::pause(BootTime until) { return wait_for(until, end_); }

bool ScrubDesk::wait(BootTime until) { return wait_for(until, stopped_); }

bool ScrubDesk::wait_for(BootTime until, const bool& end) {
  std::unique_lock lock(mutex_);
  while (!end) {
    const Duration left = until - clock_.boot();
    if (left <= Duration::zero()) break;
    ending_.wait_for(lock, left);
  }
  return end;
}

}  // namespace rollback
