// SPDX-License-Identifier: Apache-2.0
// Order in each phase: record the intent (synced), do the effect. Forward stops at the first
// failure; undo goes on.
#include "agent/apply/execute.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/apply/activation.h"
#include "agent/apply/ballast.h"
#include "agent/apply/commit.h"
#include "agent/apply/confirmation.h"
#include "agent/apply/first_few.h"
#include "agent/apply/phase.h"
#include "agent/apply/project_work.h"
#include "agent/apply/traffic.h"
#include "agent/apply/undo.h"
#include "agent/apply/verify.h"
#include "agent/health/gate.h"
#include "model/exit_code.h"

namespace rollback {

namespace {

constexpr Duration kUndoWindow = std::chrono::seconds(30);

class Execution {
 public:
  Execution(const RunDeps& deps, const Live& live, ActiveRun& run, RunListener& listener)
      : deps_(deps),
        live_(live),
        run_(run),
        record_(run.record),
        log_(deps.clock, listener, run.record, run.events),
        traffic_(run.intent.hooks, live, deps.clock, log_),
        deadline_(begin_commit(deps, run)) {}

  RunRecord run() {
    const auto done = forward();
    if (done)
      succeed();
    else
      undo(done.error());
    traffic_.judge(record_);
    if (unfinished_)
      leave_unfinished(deps_, record_, log_);
    else
      close_run(deps_, run_.journal, run_.stages, record_, log_, origin_kept_, Resumed::kNo);
    return record_;
  }

 private:
  static BootTime begin_commit(const RunDeps& deps, ActiveRun& run) {
    run.budget.begin_commit(deps.clock.boot());
    return run.budget.end();
  }

  Status advance(RunPhase phase, const std::string& text) {
    if (!may_follow(record_.phase, phase))
      return fail(ErrorCode::kBug, fmt::format("a run cannot go from {} to {}",
                                               to_string(record_.phase), to_string(phase)));
    ROLLBACK_TRY(run_.journal.append(JournalPhase{phase, deps_.clock.wall()}));
    log_.enter(phase, text);
    return {};
  }

  // Between phases a run may be ended; undo may not.
  Status go_on() {
    if (log_.aborted()) return fail(ErrorCode::kConflict, "the run was aborted");
    return run_.budget.check(deps_.clock.boot());
  }

  Status forward() {
    const auto& intent = run_.intent;
    ROLLBACK_TRY(go_on());  // an abort that came while preparing costs no downtime
    ROLLBACK_TRY(advance(RunPhase::kQuiescing, "stopping units"));
    ROLLBACK_TRY(traffic_.drain(deadline_));
    touched_ = true;
    ROLLBACK_TRY(quiesce(intent, live_, deps_.clock, deadline_));
    ROLLBACK_TRY(go_on());
    ROLLBACK_TRY(
        advance(RunPhase::kCommitting, fmt::format("changing {} paths", intent.files.size())));
    CommitWindow window{deps_.clock};
    ROLLBACK_TRY(commit_files(live_.files, run_.stages, intent.files, {}, &window));
    log_.info(fmt::format("changed within {}", format_duration(window.length)));
    ROLLBACK_TRY(go_on());
    ROLLBACK_TRY(advance(RunPhase::kActivating, "starting and reloading units"));
    activated_ = true;
    ROLLBACK_TRY(activate(intent, live_, deps_.clock, deadline_));
    ROLLBACK_TRY(go_on());
    ROLLBACK_TRY(advance(RunPhase::kGating, "waiting for the probes"));
    ROLLBACK_TRY(gate());
    ROLLBACK_TRY(advance(RunPhase::kVerifying, "comparing the host with " + record_.to));
    ROLLBACK_TRY(verify());
    traffic_.readmit();  // no reason to take back a host that is right
    ROLLBACK_TRY(confirm());
    return advance(RunPhase::kVerified, "verified");
  }

  Status gate() {
    GateInput input{deps_.options.gate, {}, {}, deadline_};
    for (const auto& spec : deps_.options.health)
      if (spec.after) input.probes.push_back(spec);
    // An undo to what was red can only ask that its units run; probes are reported.
    if (run_.target_was_red)
      for (auto& probe : input.probes) probe.required = false;
    for (const auto& resource : run_.target.snapshot.resources)
      for (const auto& unit : resource.units)
        if (unit.active) input.units.push_back(unit.name);
    input.others = [this] { return services_down(run_.target, deps_); };
    auto& listener = log_.listener();
    const auto result = run_gate(
        input, deps_.prober, deps_.units, deps_.clock,
        [&](BootTime until) { return listener.wait(until); },
        [&](const std::string& text) { log_.info(text); });
    if (result.green) return {};
    for (const auto& reason : result.reasons) log_.finding(reason);
    return fail(ErrorCode::kConflict, "the gate is red");
  }

  Status verify() {
    auto found = compare_host(deps_, run_.target, record_.to, run_.origin.memory);
    if (!found) return Failure(found.error().within("verify"));
    for (auto& line : check_restarted(deps_, run_.intent, run_.stages))
      found->push_back(std::move(line));
    if (found->empty()) return {};
    for (const auto& line : *found) log_.finding(line);
    return fail(ErrorCode::kConflict,
                fmt::format("{} differences from {} remain", found->size(), record_.to));
  }

  Status confirm() {
    if (run_.confirm.window <= Duration::zero()) return {};
    ROLLBACK_ASSIGN(const auto waiting, begin_confirmation(deps_, run_.journal, run_.confirm));
    ROLLBACK_TRY(advance(RunPhase::kConfirming,
                         confirmation_text(waiting, run_.confirm.window, record_.id)));
    return await_confirmation(deps_, log_, record_.id, waiting);
  }

  void succeed() {
    record_.outcome = RunOutcome::kSucceeded;
    record_.exit_code = static_cast<int>(ExitCode::kDone);
    record_.changed = true;
    note_kept();
    const bool healthy = run_.intent.red_before.empty();
    const auto kept = keep_origin({deps_.root, run_.stages, run_.intent.files, deps_.snapshots,
                                   deps_.blobs, run_.target.manifest, run_.kept},
                                  run_.origin, record_.id, healthy, deps_.clock.wall());
    if (kept) return log_.info(text_of_kept(record_.id, *kept, deps_.options.retention));
    origin_kept_ = OriginKept::kNo;
    log_.finding("what the run replaced could not be kept, so it cannot be undone: " +
                 kept.error().message);
  }

  // What the host has otherwise than the release, because somebody wanted it so.
  void note_kept() {
    if (run_.kept.empty()) return;
    record_.findings.push_back(fmt::format("left as {} before the run (--drift keep): {}",
                                           run_.kept.size() == 1 ? "it was" : "they were",
                                           first_few(run_.kept)));
  }

  void undo(const Error& why) {
    log_.finding(why.message);
    if (record_.phase == RunPhase::kStaged)  // nothing has happened yet
      return why.code == ErrorCode::kTimeout ? forget() : conclude({});
    (void)give_up_ballast(deps_.state);  // a directory that comes back needs room, too
    say_undoing(&run_.journal, run_.stages, deps_.clock.wall());
    log_.enter(RunPhase::kUndoing, "taking the host back to where it was");
    conclude(touched_ ? take_back() : std::vector<std::string>{});
    traffic_.readmit_restored(record_, unfinished_);
  }

  // What is not as it was before.
  std::vector<std::string> take_back() {
    traffic_.drain_for_undo();
    stop_for_undo(run_.intent, live_, log_);
    const auto files = undo_files(live_.files, run_.stages, run_.intent.files);
    (void)run_.journal.append(JournalFilesUndone{files.differs});
    unfinished_ = files.unfinished;
    start_for_undo(run_.intent, activated_, live_, log_);
    auto differs = files.differs;
    for (auto& line : compare_with_origin()) differs.push_back(std::move(line));
    return differs;
  }

  void forget() {
    record_.outcome = RunOutcome::kForgotten;
    record_.exit_code = static_cast<int>(ExitCode::kTimedOut);
    record_.changed = false;
    log_.info("nothing was changed");
  }

  std::vector<std::string> compare_with_origin() {
    const std::string name = record_.from.empty() ? "the state before the run" : record_.from;
    auto found = compare_host(deps_, run_.origin.state, name, run_.origin.memory);
    if (!found) return {"the host could not be compared: " + found.error().message};
    for (auto& line : unlike_origin(run_.intent, deps_)) found->push_back(std::move(line));
    for (auto& line : probes_worse_than_before()) found->push_back(std::move(line));
    return *std::move(found);
  }

  // The origin may well be red; but what was green before must be so again.
  std::vector<std::string> probes_worse_than_before() {
    GateInput input{deps_.options.gate, {}, {}, deps_.clock.boot() + kUndoWindow};
    input.spec.successes = 1;
    input.spec.soak = {};
    input.spec.window = std::min(input.spec.window, kUndoWindow);
    for (const auto& result : run_.baseline)
      for (const auto& spec : deps_.options.health)
        if (result.green && result.required && spec.after && spec.name == result.name)
          input.probes.push_back(spec);
    if (input.probes.empty()) return {};
    auto& listener = log_.listener();
    const auto result = run_gate(
        input, deps_.prober, deps_.units, deps_.clock,
        [&](BootTime until) {
          (void)listener.wait(until);  // an abort does not end an undo
          return false;
        },
        [&](const std::string& text) { log_.info(text); });
    return result.green ? std::vector<std::string>{} : result.reasons;
  }

  void conclude(std::vector<std::string> differs) {
    std::sort(differs.begin(), differs.end());
    differs.erase(std::unique(differs.begin(), differs.end()), differs.end());
    const bool restored = differs.empty();
    record_.outcome = restored ? RunOutcome::kRestored : RunOutcome::kInconsistent;
    record_.exit_code = static_cast<int>(restored ? ExitCode::kRestored : ExitCode::kInconsistent);
    record_.changed = !restored;
    for (const auto& line : differs) log_.finding(std::string(kNotAsBefore) + line);
    if (restored) log_.info("the host is as it was before the run");
  }

  const RunDeps& deps_;
  const Live& live_;
  ActiveRun& run_;
  RunRecord& record_;
  RunLog log_;
  Traffic traffic_;
  const BootTime deadline_;
  bool touched_ = false;  // units or files
  bool activated_ = false;
  bool unfinished_ = false;
  OriginKept origin_kept_ = OriginKept::kYes;
};

}  // namespace

RunRecord execute_run(const RunDeps& deps, const Live& live, ActiveRun& run,
                      RunListener& listener) {
  return Execution(deps, live, run, listener).run();
}

}  // namespace rollback
