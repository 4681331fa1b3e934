// SPDX-License-Identifier: Apache-2.0
#include "agent/service/health_monitor.h"

#include <utility>

namespace rollback {

Status HealthMonitor::ask(std::function<void(const HealthItem&)> done) {
  Duration longest = std::chrono::seconds(10);
  for (const auto& spec : specs_) longest += spec.timeout;
  return thread_.post({"a round of health probes", longest, [this, done = std::move(done)] {
                         HealthItem item;
                         item.probes = prober_.round(specs_);
                         item.verdict = verdict_of(item.probes);
                         item.time = clock_.wall();
                         {
                           const std::lock_guard lock(mutex_);
                           last_ = item;
                         }
                         if (done) done(item);
                       }});
}

HealthItem HealthMonitor::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace rollback
