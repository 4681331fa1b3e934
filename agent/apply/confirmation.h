// SPDX-License-Identifier: Apache-2.0
// Confirm-or-revert: a run that reached its target is taken back unless the host turns out in time
// to be still ours: somebody says so, or, where a coordinator began the run, the host reaches it or
// a witness. The journal holds the time, so that it outlives the agent and one reboot. Private to
// agent/apply.
#pragma once

#include "agent/apply/active_run.h"

namespace rollback {

// Synced before the phase `confirming` is entered. `rebooted`: the time begins anew, for the last
// time.
Result<JournalConfirm> begin_confirmation(const RunDeps& deps, Journal& journal,
                                          const ConfirmOrder& order, bool rebooted = false);

// "verified; taken back in 2m unless `rollbackctl run confirm RUN` comes"
std::string confirmation_text(const JournalConfirm& confirm, Duration left, const RunId& run);

// kTimeout: nobody did; kConflict: the run was aborted.
Status await_confirmation(const RunDeps& deps, RunLog& log, const RunId& run,
                          const JournalConfirm& confirm);

// Of a run that an agent before this one left waiting: what is left of its time.
Status resume_confirmation(const RunDeps& deps, Journal& journal, const JournalConfirm& confirm,
                           RunLog& log, const RunId& run);

}  // namespace rollback
