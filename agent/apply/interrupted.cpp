// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/interrupted.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/apply/activation.h"
#include "agent/apply/active_run.h"
#include "agent/apply/ballast.h"
#include "agent/apply/confirmation.h"
#include "agent/apply/phase.h"
#include "agent/apply/recovery.h"
#include "agent/apply/traffic.h"
#include "agent/apply/undo.h"
#include "model/exit_code.h"

namespace rollback {

namespace {

RunRecord record_of(const RunDeps& deps, const JournalContent& journal) {
  if (auto stored = deps.runs.find(journal.begin.run.str())) return *std::move(stored);
  RunRecord record;
  record.id = journal.begin.run;
  record.kind = journal.begin.kind;
  record.actor = journal.begin.actor;
  record.reason = journal.begin.reason;
  record.from = journal.begin.from;
  record.to = journal.begin.to;
  record.started = journal.begin.started;
  return record;
}

class Finish {
 public:
  Finish(const RunDeps& deps, const Live& live, JournalContent content, RunListener& listener)
      : deps_(deps),
        live_(live),
        content_(std::move(content)),
        record_(record_of(deps, content_)),
        stages_(StageSet::of_journal(deps.root, content_.begin.stages)),
        events_(events_so_far()),
        log_(deps.clock, listener, record_, events_),
        traffic_(content_.intent ? content_.intent->hooks : no_hooks_, live, deps.clock, log_) {}

  Result<RunRecord> run(const Recovery& recovery) {
    if (record_.outcome == RunOutcome::kRunning) record_.phase = content_.phase;
    // Of an undo that the disk refused, which is told anew.
    std::erase_if(record_.findings, [](const auto& it) {
      return it.starts_with(kNotAsBefore) || it.starts_with(kOutOfTraffic) || it == kUnfinished;
    });
    log_.warn(recovery.message);
    ROLLBACK_ASSIGN(Journal journal, Journal::reopen(deps_.state));
    switch (recovery.decision) {
      case Recovery::Decision::kNothing:
      case Recovery::Decision::kForgotten:
        return record_.outcome == RunOutcome::kRunning ? forget() : clean_up();
      case Recovery::Decision::kUndone:
        unfinished_ = recovery.unfinished;
        if (content_.confirm) traffic_.drain_for_undo();  // it was readmitted to be confirmed
        take_units_back();
        break;
      case Recovery::Decision::kWaiting:
        traffic_.readmit();
        wait(journal);
        break;
      case Recovery::Decision::kFinished:
        // Over, with its outcome stored; or forgotten, and only that is not stored yet.
        if (content_.phase == RunPhase::kDone)
          return record_.outcome == RunOutcome::kRunning ? forget() : clean_up();
        traffic_.readmit();
        confirm();
        break;
    }
    traffic_.judge(record_);
    if (unfinished_)
      leave_unfinished(deps_, record_, log_);
    else
      close_run(deps_, journal, stages_, record_, log_, origin_kept_, Resumed::kYes);
    return record_;
  }

 private:
  std::uint64_t events_so_far() const {
    const auto events = deps_.runs.events(content_.begin.run, 1);
    return events && !events->empty() ? events->back().seq : 0;
  }

  Result<RunRecord> clean_up() {
    ROLLBACK_TRY(stages_.remove());
    ROLLBACK_TRY(Journal::remove(deps_.state));
    return record_;
  }

  Result<RunRecord> forget() {
    record_.phase = RunPhase::kDone;
    record_.outcome = RunOutcome::kForgotten;
    record_.exit_code = static_cast<int>(ExitCode::kRefused);
    record_.finished = deps_.clock.wall();
    if (const auto put = deps_.runs.put(record_); !put && deps_.snapshots.takes_writes())
      return Failure(put.error());
    return clean_up();
  }

  // The time of a run that is on its target goes on.
  void wait(Journal& journal) {
    record_.phase = RunPhase::kConfirming;
    const auto confirmed = resume_confirmation(deps_, journal, *content_.confirm, log_, record_.id);
    // Said before the origin is let go, so that another crash finishes it.
    auto kept = confirmed ? journal.append(JournalPhase{RunPhase::kVerified, deps_.clock.wall()})
                          : Status(Failure(confirmed.error()));
    if (kept) return confirm();
    log_.finding(kept.error().message);
    (void)give_up_ballast(deps_.state);  // a directory that comes back needs room, too
    say_undoing(&journal, stages_, deps_.clock.wall());
    log_.enter(RunPhase::kUndoing, "taking the host back to where it was");
    traffic_.drain_for_undo();
    stop_for_undo(*content_.intent, live_, log_);
    const auto files = undo_files(live_.files, stages_, content_.intent->files);
    (void)journal.append(JournalFilesUndone{files.differs});
    content_.undone = JournalFilesUndone{files.differs};
    unfinished_ = files.unfinished;
    take_units_back();
  }

  void take_units_back() {
    record_.phase = RunPhase::kUndoing;
    const auto& intent = *content_.intent;
    stop_for_undo(intent, live_, log_);
    start_for_undo(intent, true, live_, log_);
    auto differs = content_.undone ? content_.undone->differs : std::vector<std::string>{};
    for (auto& line : unlike_origin(intent, deps_)) differs.push_back(std::move(line));
    const bool restored = differs.empty();
    record_.outcome = restored ? RunOutcome::kRestored : RunOutcome::kInconsistent;
    record_.exit_code = static_cast<int>(restored ? ExitCode::kRestored : ExitCode::kInconsistent);
    record_.changed = !restored;
    if (record_.findings.empty())
      record_.findings.emplace_back("the run was interrupted and taken back");
    for (const auto& line : differs) log_.finding(std::string(kNotAsBefore) + line);
    traffic_.readmit_restored(record_, unfinished_);
  }

  void confirm() {
    record_.phase = RunPhase::kVerified;
    record_.outcome = RunOutcome::kSucceeded;
    record_.exit_code = static_cast<int>(ExitCode::kDone);
    record_.changed = true;
    const auto kept = keep();
    if (kept) return log_.info(text_of_kept(record_.id, *kept, deps_.options.retention));
    origin_kept_ = OriginKept::kNo;
    log_.finding("what the run replaced could not be kept, so it cannot be undone: " +
                 kept.error().message);
  }

  Result<std::uint64_t> keep() {
    if (!content_.intent || stages_.paths().empty()) return 0;
    ROLLBACK_ASSIGN(const Origin origin, load_origin(stages_));
    return keep_origin(
        {deps_.root, stages_, content_.intent->files, deps_.snapshots, deps_.blobs, {}, {}}, origin,
        record_.id, content_.intent->red_before.empty(), deps_.clock.wall());
  }

  const RunDeps& deps_;
  const Live& live_;
  JournalContent content_;
  RunRecord record_;
  StageSet stages_;
  std::uint64_t events_;
  RunLog log_;
  const HookOptions no_hooks_;
  Traffic traffic_;
  OriginKept origin_kept_ = OriginKept::kYes;
  bool unfinished_ = false;  // the disk refused a part of the undo
};

}  // namespace

Result<std::optional<RunRecord>> finish_interrupted_run(const RunDeps& deps, const Live& live,
                                                        RunListener& listener) {
  ROLLBACK_ASSIGN(const Recovery recovery, recover_files(live.files, deps.state, deps.boot_id));
  if (recovery.decision == Recovery::Decision::kNothing) return std::nullopt;
  ROLLBACK_ASSIGN(const RunLock lock, RunLock::take(deps.state));
  ROLLBACK_ASSIGN(auto content, Journal::find(deps.state));
  if (!content) return std::nullopt;
  ROLLBACK_ASSIGN(auto record, Finish(deps, live, *std::move(content), listener).run(recovery));
  return std::optional<RunRecord>(std::move(record));
}

}  // namespace rollback
