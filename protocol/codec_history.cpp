// SPDX-License-Identifier: Apache-2.0
// Revisions, history entries, runs, plans.
#include "protocol/wire.h"

namespace rollback::wire {

namespace {

// A revision's name has one text for each value, so that parse() is the way in here too.
RevisionName read_name(const std::string& label, std::uint32_t number) {
  auto name = RevisionName::parse(
      number > 0 && !label.starts_with("run:") ? label + "@" + std::to_string(number) : label);
  if (!name) throw Malformed{name.error().message};
  if (name->label() != label || name->number() != number)
    throw Malformed{"'" + label + "' is not how a revision is stored"};
  return *name;
}

}  // namespace

void write(Revision::Builder to, const rollback::Revision& from) {
  put(to, &Revision::Builder::setLabel, from.name.label());
  to.setNumber(from.name.number());
  put(to, &Revision::Builder::setSnapshot, from.snapshot.digest);
  put(to, &Revision::Builder::setContentRoot, from.content_root);
  to.setRecordedNs(from.recorded.ns);
  to.setUnhealthy(!from.healthy);
  put(to, &Revision::Builder::setGitRef, from.git_ref);
}

rollback::Revision read(Revision::Reader from) {
  return {read_name(str(from.getLabel()), from.getNumber()),
          SnapshotId{read_digest(from.getSnapshot())},
          read_digest(from.getContentRoot()),
          WallTime{from.getRecordedNs()},
          !from.getUnhealthy(),
          str(from.getGitRef())};
}

void write(HistoryEntry::Builder to, const rollback::HistoryEntry& from) {
  to.setSeq(from.seq);
  to.setTimeNs(from.time.ns);
  to.setAction(number_of(from.action));
  put(to, &HistoryEntry::Builder::setActor, from.actor);
  put(to, &HistoryEntry::Builder::setReason, from.reason);
  put(to, &HistoryEntry::Builder::setFrom, from.from);
  put(to, &HistoryEntry::Builder::setTo, from.to);
  put(to, &HistoryEntry::Builder::setRun, from.run);
  to.setOutcome(number_of(from.outcome));
}

rollback::HistoryEntry read(HistoryEntry::Reader from) {
  return {from.getSeq(),        WallTime{from.getTimeNs()}, known<HistoryAction>(from.getAction()),
          str(from.getActor()), str(from.getReason()),      str(from.getFrom()),
          str(from.getTo()),    str(from.getRun()),         known<RunOutcome>(from.getOutcome())};
}

void write(RunEvent::Builder to, const rollback::RunEvent& from) {
  to.setSeq(from.seq);
  to.setTimeNs(from.time.ns);
  to.setPhase(number_of(from.phase));
  to.setLevel(number_of(from.level));
  put(to, &RunEvent::Builder::setText, from.text);
}

rollback::RunEvent read(RunEvent::Reader from) {
  return {from.getSeq(), WallTime{from.getTimeNs()}, known<RunPhase>(from.getPhase()),
          known<EventLevel>(from.getLevel()), str(from.getText())};
}

void write(Run::Builder to, const RunRecord& from) {
  put(to, &Run::Builder::setId, from.id);
  to.setKind(number_of(from.kind));
  put(to, &Run::Builder::setActor, from.actor);
  put(to, &Run::Builder::setReason, from.reason);
  put(to, &Run::Builder::setFrom, from.from);
  put(to, &Run::Builder::setTo, from.to);
  put(to, &Run::Builder::setPlanDigest, from.plan_digest);
  to.setStartedNs(from.started.ns);
  to.setFinishedNs(from.finished.ns);
  to.setPhase(number_of(from.phase));
  to.setOutcome(number_of(from.outcome));
  to.setChanged(from.changed);
  to.setExitCode(from.exit_code);
  put_list(to, &Run::Builder::initFindings, from.findings);
  put_times(to, from.times);
  to.setCommandEnded(from.command_exit.has_value());
  to.setCommandExit(from.command_exit.value_or(0));
}

RunRecord read(Run::Reader from) {
  RunRecord run;
  run.id = read_id<RunId>(from.getId());
  run.kind = known<RunKind>(from.getKind());
  run.actor = str(from.getActor());
  run.reason = str(from.getReason());
  run.from = str(from.getFrom());
  run.to = str(from.getTo());
  run.plan_digest = read_digest(from.getPlanDigest());
  run.started = {from.getStartedNs()};
  run.finished = {from.getFinishedNs()};
  run.phase = known<RunPhase>(from.getPhase());
  run.outcome = known<RunOutcome>(from.getOutcome());
  run.changed = from.getChanged();
  run.exit_code = static_cast<int>(known_exit_code(from.getExitCode()));
  run.findings = read_strings(from.getFindings());
  run.times = read_times(from);
  if (from.getCommandEnded()) run.command_exit = from.getCommandExit();
  return run;
}

void write(Deploy::Builder to, const rollback::Deploy& from) {
  put(to, &Deploy::Builder::setRun, from.run);
  put(to, &Deploy::Builder::setGitRef, from.git_ref);
  to.setUndo(from.undo);
  to.setScoped(from.scoped);
  put(to, &Deploy::Builder::setBootId, from.boot_id);
  to.setDeadlineNs(from.deadline.ns);
  to.setEnded(from.ended);
  to.setAborted(from.aborted);
  to.setExitCode(from.exit_code);
}

rollback::Deploy read(Deploy::Reader from) {
  return {read_id<RunId>(from.getRun()),
          str(from.getGitRef()),
          from.getUndo(),
          from.getScoped(),
          str(from.getBootId()),
          BootTime{from.getDeadlineNs()},
          from.getEnded(),
          from.getAborted(),
          from.getExitCode()};
}

void write(PlanStep::Builder to, const rollback::PlanStep& from) {
  to.setPhase(number_of(from.phase));
  to.setAction(number_of(from.action));
  put(to, &PlanStep::Builder::setSubject, from.subject);
  put(to, &PlanStep::Builder::setResource, from.resource);
  put(to, &PlanStep::Builder::setWhy, from.why);
  put(to, &PlanStep::Builder::setReverse, from.reverse);
}

rollback::PlanStep read(PlanStep::Reader from) {
  return {known<StepPhase>(from.getPhase()),
          known<StepAction>(from.getAction()),
          str(from.getSubject()),
          str(from.getResource()),
          str(from.getWhy()),
          str(from.getReverse())};
}

void write(Plan::Builder to, const rollback::Plan& from) {
  put(to, &Plan::Builder::setFrom, from.from);
  put(to, &Plan::Builder::setTo, from.to);
  put(to, &Plan::Builder::setFromRoot, from.from_root);
  put(to, &Plan::Builder::setToRoot, from.to_root);
  put_list(to, &Plan::Builder::initSteps, from.steps);
  put_list(to, &Plan::Builder::initWarnings, from.warnings);
}

rollback::Plan read(Plan::Reader from) {
  return {
      str(from.getFrom()),           str(from.getTo()),          read_digest(from.getFromRoot()),
      read_digest(from.getToRoot()), read_list(from.getSteps()), read_strings(from.getWarnings())};
}

}  // namespace rollback::wire
