// SPDX-License-Identifier: Apache-2.0
// The end of a run: its outcome is stored, its stage and journal are let go.
#include <fmt/format.h>

#include <algorithm>

#include "agent/apply/active_run.h"
#include "agent/apply/ballast.h"

namespace rollback {

namespace {

HistoryAction action_of(RunKind kind) {
  switch (kind) {
    case RunKind::kUndo:
      return HistoryAction::kUndo;
    case RunKind::kDeploy:
      return HistoryAction::kDeploy;
    default:
      return HistoryAction::kRollback;
  }
}

bool is_in_history(const SnapshotStore& snapshots, const RunId& run) {
  const auto history = snapshots.history();
  return history && std::any_of(history->rbegin(), history->rend(),
                                [&](const auto& entry) { return entry.run == run.str(); });
}

Status say_done_or_drop_journal(const RunDeps& deps, Journal& journal) {
  if (journal.append(JournalPhase{RunPhase::kDone, deps.clock.wall()})) return {};
  ROLLBACK_TRY(deps.state.sync());  // a disk that does this lets go of the journal for good
  return Journal::remove(deps.state);
}

// In this order, so that no journal says that the stage of something that must outlive the run may
// go. One that is left finds a stage that was set aside.
Status set_aside(const RunDeps& deps, Journal& journal, StageSet& stages) {
  ROLLBACK_TRY(stages.set_aside());
  (void)journal.append(JournalPhase{RunPhase::kDone, deps.clock.wall()});
  return Journal::remove(deps.state);
}

}  // namespace

Status let_go(const RunDeps& deps, Journal& journal, StageSet& stages) {
  ROLLBACK_TRY(say_done_or_drop_journal(deps, journal));
  ROLLBACK_TRY(stages.remove());
  return Journal::remove(deps.state);
}

HistoryEntry history_entry_of(const RunRecord& record) {
  HistoryEntry entry;
  entry.time = record.finished;
  entry.action = action_of(record.kind);
  entry.actor = record.actor;
  entry.reason = record.reason;
  entry.from = record.from;
  entry.to = record.to;
  entry.run = record.id.str();
  entry.outcome = record.outcome;
  return entry;
}

void leave_unfinished(const RunDeps& deps, RunRecord& record, RunLog& log) {
  log.finding(std::string(kUnfinished));
  log.leave();
  (void)deps.runs.put(record);  // the journal is what counts
}

void close_run(const RunDeps& deps, Journal& journal, StageSet& stages, RunRecord& record,
               RunLog& log, OriginKept origin, Resumed resumed) {
  log.leave();
  const bool keep = record.outcome == RunOutcome::kInconsistent || origin == OriginKept::kNo ||
                    stages.holds_found();
  if (keep)
    for (const auto& stage : stages.paths())
      log.finding(fmt::format("what this run replaced or found in the way is kept in {}",
                              kept_name(stage)));
  record.phase = RunPhase::kDone;
  record.finished = deps.clock.wall();
  log.say(record.exit_code == 0 ? EventLevel::kInfo : EventLevel::kError,
          fmt::format("{}: {}", record.to, to_string(record.outcome)));
  const bool told = resumed == Resumed::kYes && is_in_history(deps.snapshots, record.id);
  auto stored = told ? Status() : deps.snapshots.append_history(history_entry_of(record));
  if (!stored) log.finding("the history could not be written: " + stored.error().message);
  if (const auto put = deps.runs.put(record); !put && stored) stored = put;
  // The journal still knows, and it is tried again when there is room; but a store that is only
  // read would never take it, and until then no other run could begin.
  if (!stored && deps.snapshots.takes_writes()) {
    (void)give_up_ballast(deps.state);  // it may be all that the store lacks
    return;
  }
  // From here on the outcome is stored or never will be: what is left is only to clean up.
  const auto cleaned = keep ? set_aside(deps, journal, stages) : let_go(deps, journal, stages);
  if (!cleaned)
    log.warn(
        "its journal or stage is left, which the next start of rollback-agent or the next run "
        "removes: " +
        cleaned.error().message);
}

}  // namespace rollback
