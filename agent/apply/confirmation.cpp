// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/confirmation.h"

#include <fmt/format.h>

#include <algorithm>

namespace rollback {

Status begin_confirmation(const RunDeps& deps, Journal& journal, Duration window, bool rebooted) {
  return journal.append(JournalConfirm{window, deps.clock.boot() + window, deps.boot_id, rebooted});
}

std::string confirmation_text(Duration window, const RunId& run) {
  return fmt::format("verified; taken back in {} unless `rollbackctl run confirm {}` comes",
                     format_duration(window), run.str());
}

Status await_confirmation(const RunDeps& deps, RunLog& log, const RunId& run, BootTime until) {
  if (log.listener().wait_confirmed(run, until)) {
    log.info("confirmed");
    return {};
  }
  if (deps.clock.boot() < until) return fail(ErrorCode::kConflict, "the run was aborted");
  return fail(ErrorCode::kTimeout, "nobody confirmed the run in its time");
}

Status resume_confirmation(const RunDeps& deps, Journal& journal, const JournalConfirm& confirm,
                           RunLog& log, const RunId& run) {
  if (confirm.boot_id == deps.boot_id) {
    log.info(confirmation_text(std::max(confirm.until - deps.clock.boot(), Duration::zero()), run));
    return await_confirmation(deps, log, run, confirm.until);
  }
  if (confirm.rebooted)
    return fail(ErrorCode::kTimeout,
                "the host was restarted twice while the run waited to be confirmed");
  ROLLBACK_TRY(begin_confirmation(deps, journal, confirm.window, true));
  log.info("after a reboot the time begins anew, once");
  log.info(confirmation_text(confirm.window, run));
  return await_confirmation(deps, log, run, deps.clock.boot() + confirm.window);
}

}  // namespace rollback
