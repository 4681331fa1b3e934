// SPDX-License-Identifier: Apache-2.0
// Quiesce .. outcome of a prepared run. Private to agent/apply.
#pragma once

#include "agent/apply/active_run.h"
#include "agent/apply/live.h"

namespace rollback {

// Always ends with a record.
RunRecord execute_run(const RunDeps& deps, const Live& live, ActiveRun& run, RunListener& listener);

}  // namespace rollback
