// SPDX-License-Identifier: Apache-2.0
// What single hosts are asked on behalf of a rollout, until they have answered.
#include <fmt/format.h>

#include "coordinator/rollout/runner.h"

namespace rollback {

namespace {

std::string why_of(const End& end, const std::optional<RunRecord>& record) {
  if (end.error) return end.error->message;
  if (record && !record->findings.empty()) return record->findings.front();
  return fmt::format("it answered with exit code {} and no reason",
                     static_cast<int>(end.exit_code));
}

bool is_outcome(const RunRecord& record) {
  return record.outcome == RunOutcome::kSucceeded || record.outcome == RunOutcome::kRestored ||
         record.outcome == RunOutcome::kInconsistent;
}

}  // namespace

void Runner::begin_task(const RunId& run, const HostId& host, Work work, const Digest& digest) {
  const TaskKey key{run, host};
  drop_task(key);
  Task task;
  task.work = work;
  task.plan_digest = digest;
  task.began = task.heard = task.retry_at = deps_.clock.boot();
  tasks_[key] = std::move(task);
}

void Runner::drop_task(const TaskKey& key) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  if (found->second.asked) deps_.agents.drop(*found->second.asked);
  tasks_.erase(found);
}

void Runner::tick_task(const TaskKey& key, Task& task, BootTime now) {
  if (task.work == Work::kForget && now - task.began > kLease) return drop_task(key);
  if (!deps_.agents.is_online(key.second)) {
    if (!task.missing_since) task.missing_since = now;
    if (task.work != Work::kPrepare || now - *task.missing_since < kPatience) return;
    drop_task(key);
    (void)handle(rollout_event::Offline{key.second});
    return;
  }
  task.missing_since.reset();
  if (task.asked && now - task.heard > kSilence) {
    deps_.agents.drop(*task.asked);
    task.asked.reset();
  }
  if (!task.asked && now >= task.retry_at) send(key, task, now);
}

void Runner::send(const TaskKey& key, Task& task, BootTime now) {
  task.prepared.reset();
  task.record.reset();
  task.heard = now;
  Question question{key.second, body_of(key, task), "", "", key.first};
  if (active_ && active_->id == key.first) {
    question.actor = active_->actor;
    question.reason = active_->reason;
  }
  const auto asked = deps_.agents.ask(
      std::move(question), [this, key](const Reply& reply) { on_reply(key, reply); },
      [this, key] {
        const auto found = tasks_.find(key);
        if (found == tasks_.end()) return;
        found->second.asked.reset();
        found->second.retry_at = deps_.clock.boot();
      });
  if (asked)
    task.asked = *asked;
  else
    task.retry_at = now + kRetry;
}

CommandBody Runner::body_of(const TaskKey& key, const Task& task) const {
  const bool is_active = active_ && active_->id == key.first;
  const RolloutPolicy& policy = is_active ? active_->policy : RolloutPolicy();
  const Duration timeout = policy.timeout;
  switch (task.work) {
    case Work::kPrepare:
      return PrepareRequest{key.first, is_active ? active_->to : "", kLease, timeout,
                            policy.confirm};
    case Work::kCommit:
      return CommitRequest{key.first, task.plan_digest};
    case Work::kUndo:
      return UndoRequest{key.first.str(), false, timeout};
    case Work::kForget:
      break;
  }
  return ForgetRequest{key.first};
}

void Runner::on_reply(const TaskKey& key, const Reply& reply) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end() || found->second.asked != reply.command) return;
  Task& task = found->second;
  task.heard = deps_.clock.boot();
  if (const auto* event = std::get_if<EventItem>(&reply.body)) return on_event(key, *event);
  if (const auto* prepared = std::get_if<Prepared>(&reply.body)) task.prepared = *prepared;
  if (const auto* record = std::get_if<RunRecord>(&reply.body)) task.record = *record;
  if (const auto* line = std::get_if<Line>(&reply.body)) tell_host(key, *line);
  if (const auto* end = std::get_if<End>(&reply.body)) on_end(key, *end);
}

void Runner::on_event(const TaskKey& key, const EventItem& item) {
  auto& [run, last] = seen_events_[key.second];
  if (run == item.run && item.event.seq <= last) return;
  run = item.run;
  last = item.event.seq;
  tell_host(key, item);
  if (active_ && active_->id == key.first)
    (void)handle(rollout_event::Progress{key.second, item.event.phase});
}

void Runner::on_end(const TaskKey& key, const End& end) {
  Task& waiting = tasks_.at(key);
  waiting.asked.reset();
  if (end.exit_code == ExitCode::kLocked && retry_locked(waiting, deps_.clock.boot())) return;
  const Task task = std::move(waiting);
  tasks_.erase(key);
  if (!active_ || active_->id != key.first) return;
  switch (task.work) {
    case Work::kPrepare:
      return end_prepare(key, task, end);
    case Work::kCommit:
    case Work::kUndo:
      return end_run(key, task, end);
    case Work::kForget:
      return;
  }
}

// A host that is busy with something short is asked again; so is one that is busy with this very
// run because the command was repeated. What was told to go is asked until it has answered.
bool Runner::retry_locked(Task& task, BootTime now) {
  if (!task.locked_since) task.locked_since = now;
  const Duration patience = task.work == Work::kPrepare ? kLocked : kLease;
  if (task.work != Work::kCommit && now - *task.locked_since > patience) return false;
  task.retry_at = now + kRetry;
  return true;
}

void Runner::end_prepare(const TaskKey& key, const Task& task, const End& end) {
  if (end.exit_code == ExitCode::kDone && task.prepared && task.prepared->run == key.first) {
    (void)handle(
        rollout_event::Prepared{key.second, task.prepared->plan_digest, task.prepared->changed});
    return;
  }
  const bool missing = end.error && end.error->code == ErrorCode::kNotFound;
  (void)handle(rollout_event::Refused{key.second, why_of(end, task.record), missing});
}

void Runner::end_run(const TaskKey& key, const Task& task, const End& end) {
  // What the rollout asked for decides: a commit of "run:ID" is an undo to the host alone.
  const RunKind kind = task.work == Work::kUndo ? RunKind::kUndo : RunKind::kRollback;
  if (task.record && is_outcome(*task.record)) {
    RunRecord record = *task.record;
    record.kind = kind;
    (void)handle(rollout_event::Finished{key.second, record});
    return;
  }
  const std::string why = why_of(end, task.record);
  if (task.work == Work::kCommit) {
    // Nothing was touched: the plan is another, the lease ran out, or the host refuses now.
    (void)handle(rollout_event::Conflict{key.second, why});
    return;
  }
  RunRecord refused;
  refused.kind = kind;
  refused.outcome = RunOutcome::kRefused;
  refused.findings = {why};
  (void)handle(rollout_event::Finished{key.second, refused});
}

// Hosts that are prepared wait for their wave longer than a lease when a run is paused.
void Runner::renew_leases(BootTime now) {
  next_renewal_ = now + kRenewal;
  for (const auto& host : active_->hosts) {
    if (host.phase != HostPhase::kReady || !deps_.agents.is_online(host.id)) continue;
    Task renewal;  // kPrepare; nobody waits for the answer: the commit will tell
    (void)deps_.agents.ask(
        {host.id, body_of({active_->id, host.id}, renewal), active_->actor, active_->reason,
         active_->id},
        [](const Reply&) {}, [] {});
  }
}

}  // namespace rollback
