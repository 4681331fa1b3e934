// SPDX-License-Identifier: Apache-2.0
// Confirm-or-revert: a run that reached its target is taken back unless somebody says in time that
// the host is still theirs. The journal holds the time, so that it outlives the agent and one
// reboot. Private to agent/apply.
#pragma once

#include "agent/apply/active_run.h"

namespace rollback {

// Synced before the phase `confirming` is entered. `rebooted`: the time begins anew, for the last
// time.
Status begin_confirmation(const RunDeps& deps, Journal& journal, Duration window, bool rebooted);

// "waiting 2m for `rollbackctl run confirm RUN`"
std::string confirmation_text(Duration window, const RunId& run);

// kTimeout: nobody did; kConflict: the run was aborted.
Status await_confirmation(const RunDeps& deps, RunLog& log, const RunId& run, BootTime until);

// Of a run that an agent before this one left waiting: what is left of its time.
Status resume_confirmation(const RunDeps& deps, Journal& journal, const JournalConfirm& confirm,
                           RunLog& log, const RunId& run);

}  // namespace rollback
