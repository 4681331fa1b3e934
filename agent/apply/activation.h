// SPDX-License-Identifier: Apache-2.0
// What a run stops and starts, in its order: units, compose projects, nginx last. Private to
// agent/apply.
#pragma once

#include <string>
#include <vector>

#include "agent/apply/active_run.h"

namespace rollback {

// Under the definitions they run with, against the order of starting. Both stop at the first
// failure; nothing outlasts `end`, the run's own.
Status quiesce(const JournalIntent& intent, const Live& live, const Clock& clock, BootTime end);
Status activate(const JournalIntent& intent, const Live& live, const Clock& clock, BootTime end);

// Undo goes on at failures, which are warnings: what counts is how the host is afterwards.
void stop_for_undo(const JournalIntent& intent, const Live& live, RunLog& log);
// After the files are back. `activated`: things were started or reloaded with the target's files.
void start_for_undo(const JournalIntent& intent, bool activated, const Live& live, RunLog& log);

// What runs otherwise than before the run, one line each.
std::vector<std::string> unlike_origin(const JournalIntent& intent, const RunDeps& deps);

}  // namespace rollback
