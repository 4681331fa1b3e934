// SPDX-License-Identifier: Apache-2.0
// Runs probes: http and tcp with libcurl, unit over the bus, exec in a transient unit. Each has one
// total deadline. A round runs its probes side by side.
#pragma once

#include <vector>

#include "agent/platform/program_runner.h"
#include "agent/platform/service_manager.h"
#include "core/clock.h"
#include "model/health.h"

namespace rollback {

class Prober {
 public:
  virtual ~Prober() = default;
  // One result per spec, in order; never an error: what cannot be asked is red and says why.
  virtual std::vector<ProbeResult> round(const std::vector<ProbeSpec>& specs) = 0;
};

class HostProber final : public Prober {
 public:
  HostProber(UnitReader& units, ProgramRunner& programs, const Clock& clock)
      : units_(units), programs_(programs), clock_(clock) {}
  std::vector<ProbeResult> round(const std::vector<ProbeSpec>& specs) override;

 private:
  UnitReader& units_;
  ProgramRunner& programs_;
  const Clock& clock_;
};

}  // namespace rollback
