// SPDX-License-Identifier: Apache-2.0
// What the verbs of a host stand on: made once in main, outlives the door.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/apply/rollback.h"
#include "agent/service/health_monitor.h"
#include "agent/service/run_hub.h"
#include "agent/service/worker.h"

namespace rollback {

struct HostIdentity {
  HostId id;
  std::string name;
  std::string version;  // of this agent
  BootTime started;
};

struct Host {
  HostIdentity identity;
  RunDeps deps;            // run thread only, except stores, options, clock and random
  Platform platform;       // run thread only
  RollbackEngine& engine;  // run thread only, except holder()
  RunHub& hub;
  HealthMonitor& health;
  Worker& run_worker;    // captures, plans, runs: whatever touches the host's files or units
  Worker& query_worker;  // reads of the store
};

}  // namespace rollback
