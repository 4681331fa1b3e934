// SPDX-License-Identifier: Apache-2.0
// N rounds in a row with every required probe green, then a soak in which nothing turns red and no
// watched unit restarts. Says why when it is red.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/health/probes.h"
#include "core/clock.h"
#include "model/health.h"

namespace rollback {

// Waits until `until`, or returns early with true when the run is to be aborted.
using GateWait = std::function<bool(BootTime until)>;

struct GateInput {
  GateSpec spec;
  std::vector<ProbeSpec> probes;   // those with `after`
  std::vector<std::string> units;  // should be active and not restart
  BootTime deadline;               // of the whole run
  // What else keeps a round from being green, one line each; none when it is empty.
  std::function<std::vector<std::string>()> others{};
};

GateResult run_gate(const GateInput& input, Prober& prober, UnitReader& units, const Clock& clock,
                    const GateWait& wait, const std::function<void(const std::string&)>& report);

}  // namespace rollback
