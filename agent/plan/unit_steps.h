// SPDX-License-Identifier: Apache-2.0
// Which units must be stopped, started and reloaded around a set of file changes. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/options.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace rollback {

struct UnitInput {
  const HostState& live;
  const HostState& target;
  const std::vector<ResourceSpec>& specs;
  const std::vector<PlanStep>& files;  // steps of phase kCommit
  std::string to;
};

struct UnitSteps {
  std::vector<PlanStep> quiesce;
  std::vector<PlanStep> activate;  // daemon-reload, starts, reloads
  std::vector<PlanStep> nginx;     // those of nginx, which comes last
  std::vector<std::string> warnings;
};

// A unit restarts when its fragment or a drop-in changes, a path it uses, or a resource that names
// it in restart_on. Enablement links alone restart nothing. nginx is reloaded for its
// configuration.
UnitSteps plan_units(const UnitInput& input);

// Units of an nginx resource: those recorded, else nginx.service.
std::vector<std::string> nginx_units(const HostState& live, const HostState& target,
                                     const ResourceSpec& spec);

}  // namespace rollback
