// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/confirmation.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace rollback {

namespace {

ProbeSpec probe_of(ProbeKind kind, std::string who, std::string_view address) {
  ProbeSpec probe;
  probe.kind = kind;
  probe.name = std::move(who);
  probe.target = address;
  return probe;
}

// Whom the host has to reach to be ours: one of them. That a coordinator's machine refuses the
// connection, as it does while the coordinator is being restarted, shows that the network works,
// unless a firewall says so in its name: where there are witnesses, somebody has to accept.
class Contacts {
 public:
  Contacts(const RunDeps& deps, RunLog& log) : deps_(deps), log_(log) {
    constexpr std::string_view kScheme = "tcp://";
    const auto& witnesses = deps.options.witnesses;
    const auto kind = witnesses.empty() ? ProbeKind::kReach : ProbeKind::kTcp;
    for (const auto& coordinator : deps.options.coordinators)
      probes_.push_back(probe_of(kind, "the coordinator " + coordinator.endpoint,
                                 std::string_view(coordinator.endpoint).substr(kScheme.size())));
    for (const auto& witness : witnesses)
      probes_.push_back(probe_of(kind, "the witness " + witness, witness));
  }

  bool reach_one() {
    last_.clear();
    for (const auto& result : deps_.prober.round(probes_)) {
      if (result.green) {
        log_.info(result.name + " is reached");
        return true;
      }
      last_ += fmt::format("{}{}: {}", last_.empty() ? "" : "; ", result.name, result.answer);
    }
    return false;
  }
  // Why the last try reached nobody.
  [[nodiscard]] const std::string& last() const noexcept { return last_; }

 private:
  const RunDeps& deps_;
  RunLog& log_;
  std::vector<ProbeSpec> probes_;
  std::string last_;
};

}  // namespace

Result<JournalConfirm> begin_confirmation(const RunDeps& deps, Journal& journal,
                                          const ConfirmOrder& order, bool rebooted) {
  JournalConfirm confirm{order.window, deps.clock.boot() + order.window, deps.boot_id, rebooted,
                         order.by_contact};
  ROLLBACK_TRY(journal.append(confirm));
  return confirm;
}

std::string confirmation_text(const JournalConfirm& confirm, Duration left, const RunId& run) {
  return fmt::format("verified; taken back in {} unless {}`rollbackctl run confirm {}` comes",
                     format_duration(left),
                     confirm.by_contact ? "a coordinator or witness is reached or " : "",
                     run.str());
}

Status await_confirmation(const RunDeps& deps, RunLog& log, const RunId& run,
                          const JournalConfirm& confirm) {
  Contacts contacts(deps, log);
  std::function<bool()> contact;
  if (confirm.by_contact) contact = [&contacts] { return contacts.reach_one(); };
  if (log.listener().wait_confirmed(run, confirm.until, contact)) {
    log.info("confirmed");
    return {};
  }
  if (deps.clock.boot() < confirm.until) return fail(ErrorCode::kConflict, "the run was aborted");
  if (!confirm.by_contact) return fail(ErrorCode::kTimeout, "nobody confirmed the run in its time");
  return fail(ErrorCode::kTimeout,
              fmt::format("the host reached nobody for {}, and nobody confirmed the run: {}",
                          format_duration(confirm.window), contacts.last()));
}

Status resume_confirmation(const RunDeps& deps, Journal& journal, const JournalConfirm& confirm,
                           RunLog& log, const RunId& run) {
  if (confirm.boot_id == deps.boot_id) {
    const Duration left = std::max(confirm.until - deps.clock.boot(), Duration::zero());
    log.info(confirmation_text(confirm, left, run));
    return await_confirmation(deps, log, run, confirm);
  }
  if (confirm.rebooted)
    return fail(ErrorCode::kTimeout,
                "the host was restarted twice while the run waited to be confirmed");
  ROLLBACK_ASSIGN(const auto anew,
                  begin_confirmation(deps, journal, {confirm.window, confirm.by_contact}, true));
  log.info("after a reboot the time begins anew, once");
  log.info(confirmation_text(anew, anew.window, run));
  return await_confirmation(deps, log, run, anew);
}

}  // namespace rollback
