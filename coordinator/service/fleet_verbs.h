// SPDX-License-Identifier: Apache-2.0
// The verbs of the fleet, one function each: takes its request, answers its watcher, and always
// ends with an End, at once or when hosts have answered. Loop thread only.
#pragma once

#include <functional>
#include <string>

#include "coordinator/rollout/runner.h"
#include "coordinator/service/fan_out.h"
#include "coordinator/service/fleet.h"

namespace rollback {

class FleetVerbs {
 public:
  struct Deps {
    Fleet& fleet;
    Agents& agents;
    Runner& runner;
    FanOut& fan_out;
    // The set of accepted hosts has changed; `gone` (or none) lost its right to speak.
    std::function<void(const HostId& gone)> admissions_changed;
  };
  explicit FleetVerbs(Deps deps) : deps_(std::move(deps)) {}

  // `command` was authorised; `actor` asked.
  void serve(const Command& command, const std::string& actor, const WatcherPtr& watcher);

 private:
  struct Asked {
    std::string actor;
    std::string reason;
    WatcherPtr watcher;
  };
  void roll_back(const FleetRollbackRequest& request, const Asked& asked);
  void snapshot(const FleetSnapshotRequest& request, const Asked& asked);
  void relay(const FleetRelayRequest& request, const Asked& asked);
  void health(const FleetHealthRequest& request, const Asked& asked);
  void status(const FleetStatusRequest& request, const Asked& asked);
  void own_status(const Asked& asked);
  void list_hosts(const Asked& asked);
  void decide(const std::string& host, Admission admission, const Asked& asked);
  void list_runs(const RunListRequest& request, const Asked& asked);
  void show_run(const RunShowRequest& request, const Asked& asked);
  void watch_run(const RunWatchRequest& request, const Asked& asked);
  void undo(const std::string& run, const std::string& actor, const Asked& asked);
  void tell_run(const std::string& run, const RolloutEvent& event, bool watching,
                const Asked& asked);
  // Sends the refusal itself when there is none to ask.
  bool select(const HostSelection& selection, const Asked& asked, std::vector<HostRecord>& hosts);
  void fan_out(std::vector<HostRecord> hosts, CommandBody body, Duration deadline,
               const Asked& asked);

  Deps deps_;
};

}  // namespace rollback
