// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/deploy.h"

#include <fmt/format.h>

#include "agent/apply/deploy_end.h"

namespace rollback {

namespace {

// Whoever ran the command tells its end at once; after this time nobody will.
constexpr Duration kTellWithin = std::chrono::seconds(10);

RunRecord new_record(const RunDeps& deps, const DeployOrder& order, std::string from) {
  RunRecord record;
  record.id = order.run;
  record.kind = RunKind::kDeploy;
  record.actor = order.actor;
  record.reason = order.reason;
  record.from = std::move(from);
  record.to = order.label.str();
  record.started = deps.clock.wall();
  return record;
}

Result<std::string> deployed_name(const SnapshotStore& snapshots) {
  ROLLBACK_ASSIGN(const auto known, snapshots.statuses());
  for (const auto& it : known)
    if (it.status == ReleaseStatus::kDeployed) return it.revision.name.str();
  return std::string();
}

// What the way back is made of.
Status record_origin(const RunDeps& deps, const RunId& run, RunLog& log) {
  const auto probes = deps.prober.round(deps.options.health);
  const bool healthy = verdict_of(probes) != Verdict::kUnhealthy;
  for (const auto& probe : probes)
    if (!probe.green && probe.required)
      log.warn(fmt::format("{} is red before the deploy: {}", probe.name, probe.answer));
  ROLLBACK_TRY(record_state(deps, [&](const HostState& state) {
    return deps.snapshots.record(state, RevisionName::of_run(run), healthy, deps.clock.wall(),
                                 std::nullopt);
  }));
  log.info(fmt::format("recorded as run:{}, which is where a failure goes back to", run.str()));
  return {};
}

}  // namespace

std::optional<Deploy> DeployEngine::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

void DeployEngine::set_open(std::optional<Deploy> deploy) {
  rollbacks_.hold_for(deploy ? std::optional(deploy->run) : std::nullopt);
  empty_since_.reset();
  const std::lock_guard lock(mutex_);
  open_ = std::move(deploy);
}

Status DeployEngine::resume() {
  ROLLBACK_ASSIGN(auto deploy, deps_.runs.open_deploy());
  if (deploy) set_open(std::move(deploy));
  return {};
}

Result<RunRecord> DeployEngine::begin(const DeployOrder& order, RunListener& listener) {
  if (const auto holder = rollbacks_.holder())
    return fail(ErrorCode::kBusy,
                fmt::format("run {} holds this host; wait for it or `rollbackctl run abort {}`",
                            holder->str(), holder->str()));
  ROLLBACK_ASSIGN(auto from, deployed_name(deps_.snapshots));
  RunRecord record = new_record(deps_, order, std::move(from));
  std::uint64_t events = 0;
  RunLog log(deps_.clock, listener, record, events);
  log.enter(RunPhase::kPlanned, fmt::format("recording this host before {}", record.to));
  ROLLBACK_TRY(record_origin(deps_, order.run, log));
  log.enter(RunPhase::kDeploying, fmt::format("deploying {}", record.to));
  Deploy deploy{order.run,      order.git_ref, order.undo,
                order.pid != 0, deps_.boot_id, deps_.clock.boot() + order.timeout};
  ROLLBACK_TRY(deps_.runs.put_deploy(deploy, record));
  set_open(deploy);
  if (order.pid == 0) return record;
  const auto started =
      scopes_.start(scope_of(order.run), order.pid, "rollbackctl deploy " + record.to);
  if (started) return record;
  record.outcome = RunOutcome::kRefused;
  record.exit_code = static_cast<int>(ExitCode::kRefused);
  log.finding(started.error().message);
  close(record);
  return Failure(started.error());
}

Result<RunRecord> DeployEngine::end(const DeployEnd& end, RunListener& listener) {
  auto deploy = open();
  if (!deploy) return fail(ErrorCode::kNotFound, "no deploy is open on this host");
  ROLLBACK_ASSIGN(RunRecord record, deps_.runs.find(deploy->run.str()));
  deploy->ended = true;
  deploy->aborted = end.aborted;
  deploy->exit_code = end.exit_code.value_or(0);
  record.command_exit = end.exit_code;
  if (record.times.empty() || record.times.back().phase != RunPhase::kDeploying)
    record.times.push_back({RunPhase::kDeploying, deps_.clock.wall() - record.started});
  // An agent that dies from here on asks nobody again. A store that is full does not stop an undo.
  (void)deps_.runs.put_deploy(*deploy, record);
  record =
      decide_deploy({deps_, live_, rollbacks_, scopes_, *deploy, end}, std::move(record), listener);
  close(record);
  return record;
}

void DeployEngine::close(RunRecord& record) {
  record.phase = RunPhase::kDone;
  record.finished = deps_.clock.wall();
  (void)deps_.runs.close_deploy(record);  // tried again by the next agent, which decides the same
  set_open(std::nullopt);
}

std::optional<DeployEnd> DeployEngine::overdue() {
  const auto deploy = open();
  if (!deploy) return std::nullopt;
  if (deploy->ended) {  // and the agent that heard it died
    DeployEnd again{deploy->aborted, std::nullopt, ""};
    const auto record = deps_.runs.find(deploy->run.str());
    if (record) again.exit_code = record->command_exit;
    if (!again.aborted && !again.exit_code) again.why = "the agent died while it was taken back";
    return again;
  }
  if (deploy->boot_id != deps_.boot_id)
    return DeployEnd{false, std::nullopt, "this host was restarted in the middle of the deploy"};
  if (deps_.clock.boot() >= deploy->deadline)
    return DeployEnd{false, std::nullopt, "its time was up; give it more with --timeout"};
  if (!deploy->scoped) return std::nullopt;
  const auto running = scopes_.processes(scope_of(deploy->run));
  if (!running || !running->empty()) {
    empty_since_.reset();
    return std::nullopt;
  }
  if (!empty_since_) empty_since_ = deps_.clock.boot();
  if (deps_.clock.boot() - *empty_since_ < kTellWithin) return std::nullopt;
  return DeployEnd{
      false, std::nullopt,
      "the command is over, and whoever ran it went away without telling how it ended"};
}

}  // namespace rollback
