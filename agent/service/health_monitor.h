// SPDX-License-Identifier: Apache-2.0
// Asks the probes now and then and on demand, on a thread of its own, and keeps the last answer, so
// that `status` and heartbeats never wait for a probe. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "agent/health/probes.h"
#include "agent/service/worker.h"
#include "protocol/replies.h"

namespace rollback {

class HealthMonitor {
 public:
  HealthMonitor(std::vector<ProbeSpec> specs, Prober& prober, Worker& thread, const Clock& clock)
      : specs_(std::move(specs)), prober_(prober), thread_(thread), clock_(clock) {}

  // One round soon; `done` is called on the probe thread. kBusy when too many are waiting.
  Status ask(std::function<void(const HealthItem&)> done);
  [[nodiscard]] HealthItem last() const;  // verdict kUnknown before the first round
  [[nodiscard]] bool overdue() const { return thread_.overdue(); }

 private:
  const std::vector<ProbeSpec> specs_;
  Prober& prober_;
  Worker& thread_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  HealthItem last_;
};

}  // namespace rollback
