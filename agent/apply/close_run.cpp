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

// A journal that is left takes the run up again, for which it needs the stage, unless it says that
// the run is done. Where it cannot say so any more it goes first, if the disk lets it go for good.
Status forget_or_say_done(const RunDeps& deps, Journal& journal) {
  if (journal.append(JournalPhase{RunPhase::kDone, deps.clock.wall()})) return {};
  ROLLBACK_TRY(deps.state.sync());
  return Journal::remove(deps.state);
}

Status clean_up(const RunDeps& deps, Journal& journal, StageSet& stages, bool keep) {
  // What must outlive the run is renamed before the journal says that its stage may go.
  if (keep) ROLLBACK_TRY(stages.set_aside());
  const auto done = forget_or_say_done(deps, journal);
  if (!keep) {
    ROLLBACK_TRY(done);
    ROLLBACK_TRY(stages.remove());
  }
  return Journal::remove(deps.state);
}

}  // namespace

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
  const auto cleaned = clean_up(deps, journal, stages, keep);
  if (!cleaned)
    log.warn(
        fmt::format("the run's stage or journal could not be removed, which the next start of "
                    "rollback-agent does: {}",
                    cleaned.error().message));
}

}  // namespace rollback
