// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/apply/ballast.h"
#include "agent/apply/journal.h"
#include "agent/apply/phase.h"
#include "agent/apply/stage.h"
#include "agent/apply/undo.h"

namespace rollback {

namespace {

// A journal that says "prepared" while the disk shows a commit has lost its last record.
Result<bool> shows_a_commit(const Directory& root, const StageSet& stages,
                            const std::vector<FileOp>& ops) {
  for (const auto& op : ops) {
    if (op.staged == 0) continue;
    ROLLBACK_ASSIGN(const auto there, find_live(root, op.path));
    if (there && there->ino == op.staged) return true;
  }
  for (const auto& op : ops) {
    if (op.kind != FileOpKind::kRemove) continue;
    const auto stage = stages.at(op.stage);
    if (!stage) continue;
    ROLLBACK_ASSIGN(const auto slot, (*stage)->find_stat(op.slot));
    if (slot) return true;
  }
  return false;
}

// What was staged waits in its slot again, or what was removed or replaced is live again.
Result<bool> shows_an_undo(const Directory& root, const StageSet& stages,
                           const std::vector<FileOp>& ops) {
  for (const auto& op : ops) {
    const auto stage = stages.at(op.stage);
    if (stage && op.staged != 0) {
      ROLLBACK_ASSIGN(const auto slot, (*stage)->find_stat(op.slot));
      if (slot && slot->ino == op.staged) return true;
    }
    if (op.kind != FileOpKind::kRemove && op.kind != FileOpKind::kReplace) continue;
    ROLLBACK_ASSIGN(const auto there, find_live(root, op.path));
    if (there && there->ino == op.origin) return true;
  }
  return false;
}

// A verified run that was taken back after all could not write so any more. Files that are neither
// end were changed by somebody since: nothing of theirs may be taken back.
Result<bool> is_confirmed(const Directory& root, const StageSet& stages,
                          const JournalContent& journal) {
  if (resume_after_crash(journal.phase) != Resume::kConfirm) return false;
  if (!journal.intent) return true;
  ROLLBACK_ASSIGN(const bool undone, shows_an_undo(root, stages, journal.intent->files));
  return !undone;
}

// The second reboot within its time is taken for what the run has done to this host.
bool may_wait(const JournalContent& journal, const std::string& boot_id) {
  const auto& confirm = journal.confirm;
  return confirm && journal.intent &&
         (boot_id.empty() || confirm->boot_id == boot_id || !confirm->rebooted);
}

Result<Recovery> forget(const Directory& state, StageSet& stages, Recovery found) {
  // Said first: once the stage is gone, its inode numbers mean nothing any more.
  ROLLBACK_ASSIGN(Journal journal, Journal::reopen(state));
  ROLLBACK_TRY(journal.append(JournalPhase{RunPhase::kDone, {}}));
  ROLLBACK_TRY(stages.remove());
  found.decision = Recovery::Decision::kForgotten;
  found.message = fmt::format("run {} had changed nothing yet: forgotten", found.run.str());
  return found;
}

Result<Recovery> take_back(const LiveFiles& live, const Directory& state, const StageSet& stages,
                           const JournalIntent& intent, Recovery found) {
  // Undo goes on when the journal cannot be written: it is idempotent, and files come first.
  (void)give_up_ballast(state);  // a directory that comes back needs room, too
  auto journal = Journal::reopen(state);
  say_undoing(journal ? &*journal : nullptr, stages, {});
  const auto undone = undo_files(live, stages, intent.files);
  auto logged = journal ? journal->append(JournalFilesUndone{undone.differs})
                        : Status(Failure(journal.error()));
  found.decision = Recovery::Decision::kUndone;
  found.unfinished = undone.unfinished;
  found.message = fmt::format("run {} was interrupted: {} of {} changes taken back",
                              found.run.str(), undone.reversed, intent.files.size());
  for (const auto& path : undone.differs) found.message += "; " + path;
  if (!logged) found.message += "; " + logged.error().message;
  return found;
}

}  // namespace

Result<Recovery> recover_files(const LiveFiles& live, const Directory& state,
                               const std::string& boot_id) {
  const Directory& root = live.root();
  Recovery found;
  ROLLBACK_ASSIGN(const RunLock lock, RunLock::take(state));
  ROLLBACK_ASSIGN(const auto journal, Journal::find(state));
  if (!journal) {
    // A file without a record is of a run that never began, and would pass for one that holds the
    // host. Not worth a failed start: the next run removes it too.
    (void)Journal::remove(state);
    found.message = "no unfinished run";
    return found;
  }
  found.run = journal->begin.run;
  auto stages = StageSet::of_journal(root, journal->begin.stages);
  const auto resume = resume_after_crash(journal->phase);
  if (!resume)
    return fail(ErrorCode::kUnsupported, "run " + found.run.str() + " is in an unknown phase");
  if (*resume == Resume::kForget) {
    if (!journal->intent) return forget(state, stages, std::move(found));
    ROLLBACK_ASSIGN(const bool committed, shows_a_commit(root, stages, journal->intent->files));
    if (!committed) return forget(state, stages, std::move(found));
  }
  if (*resume == Resume::kNothing) {
    ROLLBACK_TRY(stages.remove());
    found.decision = Recovery::Decision::kFinished;
    found.message = fmt::format("run {} was over; its stage is removed", found.run.str());
    return found;
  }
  if (journal->intent) found.units_changed = journal->intent->daemon_reload;
  ROLLBACK_ASSIGN(const bool undoing, stages.says_undoing());
  ROLLBACK_ASSIGN(const bool confirmed, is_confirmed(root, stages, *journal));
  if (confirmed && !undoing) {
    found.decision = Recovery::Decision::kFinished;
    found.message = fmt::format("run {} was verified before it was interrupted", found.run.str());
    return found;
  }
  if (*resume == Resume::kWait && !undoing && may_wait(*journal, boot_id)) {
    found.decision = Recovery::Decision::kWaiting;
    found.message = fmt::format("run {} waits to be confirmed", found.run.str());
    return found;
  }
  if (journal->undone && journal->undone->differs.empty()) {
    found.decision = Recovery::Decision::kUndone;
    found.message = fmt::format("the files of run {} are back already", found.run.str());
    return found;
  }
  if (!journal->intent)
    return fail(ErrorCode::kCorrupt, "the journal of run " + found.run.str() +
                                         " lacks its list of changes; nothing was changed");
  return take_back(live, state, stages, *journal->intent, std::move(found));
}

}  // namespace rollback
