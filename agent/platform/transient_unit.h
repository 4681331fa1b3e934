// SPDX-License-Identifier: Apache-2.0
// Runs a program as rollback-run-<random>.service: outside the agent's sandbox, inside limits of
// its own. systemd ends and forgets the unit also when the agent dies in the meantime. What the
// program is shown (binds) must lie where systemd sees it: not in the agent's private /tmp. One
// thread at a time; an object has its own bus connection.
#pragma once

#include "agent/platform/program_runner.h"
#include "agent/platform/sd_bus.h"
#include "core/random.h"

namespace rollback {

class TransientUnitRunner final : public ChangeRunner {
 public:
  // Clock and random must outlive the object. Connects at the first run.
  TransientUnitRunner(const Clock& clock, Random& random, BusAddresses addresses = {})
      : clock_(clock), random_(random), bus_(clock, std::move(addresses)) {}

  // kIo also names what systemd could not set up (a bind whose source is missing).
  Result<ProgramOutcome> run(const ProgramRequest& request) override;
  Result<ProgramOutcome> change(ProgramRequest request) override;

 private:
  Result<ProgramOutcome> run_once(const ProgramRequest& request, BootTime until);

  const Clock& clock_;
  Random& random_;
  SdBus bus_;
};

}  // namespace rollback
