// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/deploy_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "agent/apply/project_work.h"
#include "agent/capture/storing_sink.h"
#include "agent/health/gate.h"

namespace rollback {

namespace {

constexpr Duration kStragglers = std::chrono::seconds(5);  // to end by themselves
constexpr Duration kLook = std::chrono::milliseconds(100);
constexpr Duration kStop = std::chrono::seconds(30);
constexpr Duration kGateBeyondWindow = std::chrono::minutes(1);
constexpr std::size_t kNamed = 3;

// The undo is a run of its own, with its own events; who watches the deploy hears them too.
class Relay final : public RunListener {
 public:
  Relay(RunListener& listener, RunLog& log) : listener_(listener), log_(log) {}
  void on_event(const RunId& run, const RunEvent& event) override {
    listener_.on_event(run, event);
    log_.say(event.level, event.text);
  }
  // An abort of the deploy is what it does already.
  bool wait(BootTime until) override {
    (void)listener_.wait(until);
    return false;
  }

 private:
  RunListener& listener_;
  RunLog& log_;
};

class Decision {
 public:
  Decision(const EndedDeploy& ended, RunRecord& record, RunListener& listener)
      : ended_(ended),
        deps_(ended.deps),
        record_(record),
        listener_(listener),
        events_(events_so_far()),
        log_(deps_.clock, listener, record, events_) {}

  void run() {
    const Status good = judge();
    if (!good) log_.finding(good.error().message);
    good ? succeed() : give_up();
    log_.leave();
    record_.phase = RunPhase::kDone;
    tell();
  }

 private:
  std::uint64_t events_so_far() const {
    const auto events = deps_.runs.events(record_.id, 1);
    return events && !events->empty() ? events->back().seq : 0;
  }

  Status judge() {
    const auto& end = ended_.end;
    log_.enter(RunPhase::kGating, "the deploy is over");
    if (end.aborted) return fail(ErrorCode::kConflict, "the deploy was aborted");
    if (!end.why.empty()) return fail(ErrorCode::kConflict, end.why);
    if (end.exit_code && *end.exit_code != 0)
      return fail(ErrorCode::kConflict, fmt::format("the command ended with {}", *end.exit_code));
    tell_stragglers();
    return gate();
  }

  [[nodiscard]] std::vector<ScopeProcess> running() const {
    if (!ended_.deploy.scoped) return {};
    return ended_.scopes.processes(scope_of(ended_.deploy.run))
        .value_or(std::vector<ScopeProcess>{});
  }

  void tell_stragglers() {
    const BootTime until = deps_.clock.boot() + kStragglers;
    auto left = running();
    while (!left.empty() && deps_.clock.boot() < until) {
      if (listener_.wait(deps_.clock.boot() + kLook)) return;
      left = running();
    }
    for (std::size_t i = 0; i < left.size() && i < kNamed; ++i)
      log_.warn(
          fmt::format("the command left a process running: {} ({})", left[i].command, left[i].pid));
    if (left.size() > kNamed) log_.warn(fmt::format("and {} more", left.size() - kNamed));
  }

  Result<HostState> look() const {
    HashingSink sink;
    return capture(deps_.root, deps_.resources, sink, deps_.readers, {});
  }

  // Units that run now, and those that ran before and are still meant to.
  std::vector<std::string> units_to_watch(const HostState& now) const {
    std::map<std::string, std::string> enablement;
    std::vector<std::string> watched;
    for (const auto& resource : now.snapshot.resources)
      for (const auto& unit : resource.units) {
        enablement[unit.name] = unit.enablement;
        if (unit.active) watched.push_back(unit.name);
      }
    const auto origin = origin_state();
    if (!origin) return watched;
    for (const auto& resource : origin->snapshot.resources)
      for (const auto& unit : resource.units) {
        const auto found = enablement.find(unit.name);
        const bool meant = found != enablement.end() && found->second == unit.enablement;
        if (unit.active && meant) watched.push_back(unit.name);
      }
    std::sort(watched.begin(), watched.end());
    watched.erase(std::unique(watched.begin(), watched.end()), watched.end());
    return watched;
  }

  Result<HostState> origin_state() const {
    ROLLBACK_ASSIGN(const auto revisions, deps_.snapshots.revisions());
    for (const auto& revision : revisions)
      if (revision.name == RevisionName::of_run(record_.id))
        return deps_.snapshots.load_state(revision.snapshot);
    return fail(ErrorCode::kNotFound, "what this host was before is not recorded");
  }

  Status gate() {
    ROLLBACK_ASSIGN(const HostState now, look());
    const auto& spec = deps_.options.gate;
    GateInput input{spec,
                    {},
                    units_to_watch(now),
                    deps_.clock.boot() + spec.window + spec.soak + kGateBeyondWindow};
    for (const auto& probe : deps_.options.health)
      if (probe.after) input.probes.push_back(probe);
    input.others = [&] { return services_down(now, deps_); };
    log_.info("waiting for the probes");
    const auto result = run_gate(
        input, deps_.prober, deps_.units, deps_.clock,
        [&](BootTime until) { return listener_.wait(until); },
        [&](const std::string& text) { log_.info(text); });
    if (result.green) return {};
    for (const auto& reason : result.reasons) log_.finding(reason);
    return fail(ErrorCode::kConflict, "the gate is red");
  }

  Result<std::string> record_release(bool healthy) const {
    ROLLBACK_ASSIGN(const auto label, ReleaseLabel::parse(record_.to));
    std::string name;
    ROLLBACK_TRY(record_state(deps_, [&](const HostState& state) {
      auto recorded =
          deps_.snapshots.record(state, RevisionName::of_release(label, 0), healthy,
                                 deps_.clock.wall(), std::nullopt, ended_.deploy.git_ref);
      if (recorded) name = recorded->revision.name.str();
      return recorded;
    }));
    return name;
  }

  void succeed() {
    record_.changed = true;
    const auto name = record_release(true);
    if (name) {
      record_.to = *name;
      record_.outcome = RunOutcome::kSucceeded;
      record_.exit_code = static_cast<int>(ExitCode::kDone);
      return;
    }
    log_.finding(fmt::format("{} runs and is healthy, but could not be recorded: {}", record_.to,
                             name.error().message));
    stay();
  }

  void stay() {
    record_.outcome = RunOutcome::kFailed;
    record_.exit_code = static_cast<int>(ExitCode::kPartial);
    record_.changed = true;
  }

  void give_up() {
    if (!running().empty())
      if (const auto stopped = ended_.live.services.stop(scope_of(ended_.deploy.run), kStop);
          !stopped)
        log_.warn("the command could not be ended: " + stopped.error().message);
    if (const auto name = record_release(false)) {
      record_.to = *name;
      log_.info(fmt::format("what it left is recorded as {}, failed", *name));
    } else {
      log_.warn("what it left could not be recorded: " + name.error().message);
    }
    if (ended_.deploy.undo) return take_back();
    log_.finding("left as it is, as --no-undo asked for; `rollbackctl rollback --to run:" +
                 record_.id.str() + "` takes it back");
    stay();
  }

  void take_back() {
    PrepareOrder order;
    order.run = RunId::make(deps_.random);
    order.kind = RunKind::kUndo;
    order.to = RevisionName::of_run(record_.id).str();
    order.actor = record_.actor;
    order.reason = "the deploy of " + record_.to + " failed";
    order.accept_removals = true;  // what the command brought is what is taken away
    order.within = record_.id;
    log_.enter(RunPhase::kUndoing,
               "taking the host back to where it was before, as run " + order.run.str());
    Relay relay(listener_, log_);
    const auto prepared = ended_.rollbacks.prepare(order, relay);
    if (!prepared) return stuck(prepared.error().message);
    if (prepared->plan.empty()) return restored(static_cast<int>(ExitCode::kDone));
    const auto undone = ended_.rollbacks.commit(order.run, prepared->plan_digest, relay);
    if (!undone) return stuck(undone.error().message);
    for (const auto& line : undone->findings) record_.findings.push_back(line);
    if (undone->outcome == RunOutcome::kSucceeded) return restored(undone->exit_code);
    stuck(fmt::format("run {} ended {}", order.run.str(), to_string(undone->outcome)));
  }

  // `undone`: exit code of the run that took it back, which may say that it gets no traffic.
  void restored(int undone) {
    record_.outcome = RunOutcome::kRestored;
    record_.exit_code = undone == static_cast<int>(ExitCode::kDone)
                            ? static_cast<int>(ExitCode::kRestored)
                            : undone;
    record_.changed = false;
    log_.info(
        "the host is as it was before the deploy; what the command changed outside of the "
        "managed paths stays");
  }

  void stuck(const std::string& why) {
    record_.outcome = RunOutcome::kInconsistent;
    record_.exit_code = static_cast<int>(ExitCode::kInconsistent);
    record_.changed = true;
    log_.finding("the host could not be taken back: " + why +
                 "; repeat it with `rollbackctl "
                 "rollback --to run:" +
                 record_.id.str() + "`");
  }

  void tell() {
    HistoryEntry entry = history_entry_of(record_);
    entry.time = deps_.clock.wall();
    if (const auto told = deps_.snapshots.append_history(std::move(entry)); !told)
      log_.finding("the history could not be written: " + told.error().message);
    log_.say(record_.exit_code == 0 ? EventLevel::kInfo : EventLevel::kError,
             fmt::format("{}: {}", record_.to, to_string(record_.outcome)));
  }

  const EndedDeploy& ended_;
  const RunDeps& deps_;
  RunRecord& record_;
  RunListener& listener_;
  std::uint64_t events_;
  RunLog log_;
};

}  // namespace

Status record_state(
    const RunDeps& deps,
    const std::function<Result<SnapshotStore::Recorded>(const HostState&)>& record) {
  StoringSink sink(deps.blobs, deps.snapshots, deps.clock.wall());
  ROLLBACK_ASSIGN(HostState state, capture(deps.root, deps.resources, sink, deps.readers, {},
                                           {.memory = &sink, .manifest = false}));
  ROLLBACK_TRY(record(state));
  (void)sink.remember();  // else the next capture reads more
  return {};
}

RunRecord decide_deploy(const EndedDeploy& ended, RunRecord record, RunListener& listener) {
  Decision(ended, record, listener).run();
  return record;
}

}  // namespace rollback
