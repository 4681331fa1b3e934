// SPDX-License-Identifier: Apache-2.0
// A deploy that holds the host: what must outlive the agent until its end is decided. The rest is
// in the run's record (model/run.h).
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.h"
#include "core/ids.h"

namespace rollback {

struct Deploy {
  RunId run;  // also names the origin: "run:ID"
  std::string git_ref;
  bool undo = true;     // what does not end well is taken back
  bool scoped = false;  // its command runs in scope_of(run)
  std::string boot_id;  // the deadline is a time of this boot
  BootTime deadline;
  bool ended = false;  // what follows is known
  bool aborted = false;
  std::int32_t exit_code = 0;
  bool operator==(const Deploy&) const = default;
};

// "rollback-deploy-<run>.scope"
std::string scope_of(const RunId& run);

}  // namespace rollback
