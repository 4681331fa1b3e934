// SPDX-License-Identifier: Apache-2.0
// What the verbs of a host stand on: made once in main, outlives the door.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/apply/deploy.h"
#include "agent/apply/rollback.h"
#include "agent/service/health_monitor.h"
#include "agent/service/pruner.h"
#include "agent/service/run_hub.h"
#include "agent/service/scrub_desk.h"
#include "agent/service/worker.h"

namespace rollback {

// The longest time in which a run may be confirmed: whoever holds the host that long hangs.
inline constexpr Duration kLongestConfirm = std::chrono::hours(1);

struct HostIdentity {
  HostId id;
  std::string name;
  std::string version;  // of this agent
  BootTime started;
};

// What a restart would load: the file as it is now, which an operator may have edited.
struct ConfigurationOnDisk {
  AgentOptions options;
  bool is_loaded = true;  // it is what the agent works with
};

// What the host is on, without reading the whole history for each `status`. Loop thread only.
class DeployedRevision {
 public:
  const Result<std::optional<Revision>>& now(const SnapshotStore& snapshots);

 private:
  static constexpr std::uint64_t kNever = UINT64_MAX;
  std::uint64_t version_ = kNever;  // of the store, when it was looked at
  Result<std::optional<Revision>> known_;
};

struct Host {
  HostIdentity identity;
  RunDeps deps;            // run thread only, except stores, options, clock and random
  Platform platform;       // run thread only
  RollbackEngine& engine;  // run thread only, except holder()
  DeployEngine& deploys;   // run thread only, except open()
  RunHub& hub;
  HealthMonitor& health;
  Worker& run_worker;       // captures, plans, runs: whatever touches the host's files or units
  Worker& query_worker;     // reads of the store
  Worker& transfer_worker;  // archives, at the pace of who is at their other end
  Database& database;
  ScrubDesk& scrubs;                                                   // checks of the whole store
  std::function<Result<ConfigurationOnDisk>()> configuration_on_disk;  // run thread only
  Pruner& pruner;
  DeployedRevision deployed{};     // loop thread only
  CaptureProgress last_capture{};  // what the next one is expected to come to; run thread only
};

}  // namespace rollback
