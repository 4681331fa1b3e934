// SPDX-License-Identifier: Apache-2.0
#include "agent/service/pruner.h"

#include <utility>

namespace rollback {

namespace {

// Nobody's watchdog: a large store on a slow disk takes its time.
constexpr Duration kSweeping = std::chrono::hours(24);

}  // namespace

Pruner::Pruner(Retention& retention, const Clock& clock,
               std::function<void(const std::string&)> log)
    : retention_(retention), log_(std::move(log)), worker_("pruner", clock) {}

Status Pruner::sweep(GiveBack give_back, Done done) {
  return worker_.post(
      {"removing what no release refers to", kSweeping, [this, give_back, done = std::move(done)] {
         const auto swept = retention_.sweep(give_back, stop_);
         if (done) return done(swept);
         if (!swept && !stop_)
           log_("what no release refers to was not removed: " + swept.error().message);
       }});
}

Status Pruner::resume() {
  ROLLBACK_ASSIGN(const bool open, retention_.is_open());
  return open ? sweep(GiveBack::kWhenWorthwhile, nullptr) : Status();
}

}  // namespace rollback
