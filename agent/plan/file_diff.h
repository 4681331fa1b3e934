// SPDX-License-Identifier: Apache-2.0
// Two manifests -> the file steps that turn one into the other, in an order in which each can be
// done: what is in the way goes first (deepest first), directories come before what they hold, what
// the target lacks goes last. Pure.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/plan.h"
#include "model/snapshot.h"

namespace rollback {

struct DiffInput {
  const HostState& live;
  const HostState& target;
  std::string to;  // names the target in texts: "v2.4.1"
  // The resource a path belongs to ("files/shop"); "" leaves the path alone.
  std::function<std::string(std::string_view path)> owner;
};

// Steps of phase kCommit. mtimes alone are no difference.
std::vector<PlanStep> diff_files(const DiffInput& input);

}  // namespace rollback
