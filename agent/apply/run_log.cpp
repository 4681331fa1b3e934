// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "agent/apply/active_run.h"

namespace rollback {

Status RunBudget::check(BootTime now) const {
  if (!runs_ || now < end_) return {};
  return fail(ErrorCode::kTimeout,
              fmt::format("the run took longer than its {}; give it more with --timeout",
                          format_duration(time_)));
}

void RunLog::enter(RunPhase phase, const std::string& text) {
  leave();
  open_ = true;
  record_.phase = phase;
  info(text);
}

void RunLog::leave() {
  const BootTime now = clock_.boot();
  if (open_) record_.times.push_back({record_.phase, now - began_});
  open_ = false;
  began_ = now;
}

void RunLog::say(EventLevel level, const std::string& text) {
  listener_.on_event(record_.id, {++seq_, clock_.wall(), record_.phase, level, text});
}

void RunLog::finding(const std::string& text) {
  record_.findings.push_back(text);
  say(EventLevel::kError, text);
}

}  // namespace rollback
