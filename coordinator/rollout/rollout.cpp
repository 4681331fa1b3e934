// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rollout/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "coordinator/rollout/policy.h"

namespace rollback {

namespace {

namespace ev = rollout_event;
namespace act = rollout_action;

// Is the end of such a run news? A repeated answer to the commit is none while the host is undone.
bool is_awaited(const RolloutHost& host, RunKind kind) {
  if (host.phase == HostPhase::kUnknown) return true;
  return host.phase == (kind == RunKind::kUndo ? HostPhase::kUndoing : HostPhase::kCommitting);
}

class Machine {
 public:
  Machine(const RolloutRecord& state, WallTime now) : now_(now) { step_.state = state; }

  RolloutStep take(const RolloutEvent& event) {
    std::visit([this](const auto& e) { on(e); }, event);
    return std::move(step_);
  }

 private:
  void on(const ev::Started&);
  void on(const ev::Prepared& event);
  void on(const ev::Refused& event);
  void on(const ev::Offline& event);
  void on(const ev::Progress& event);
  void on(const ev::Conflict& event);
  void on(const ev::Finished& event);
  void on(const ev::Tick&);
  void on(const ev::Resume& event);
  void on(const ev::Abort& event);
  void on(const ev::Undo& event);

  void end_commit(RolloutHost& host, const RunRecord& record);
  void end_undo(RolloutHost& host, const RunRecord& record);
  void after_prepare();
  void after_commit();
  void begin_wave(std::uint32_t wave);
  void apply_failure_policy();
  void begin_undo();
  void after_undo();
  // Hosts that wait or are prepared are let go: nothing was changed on them.
  void release_waiting(const std::string& why);
  void release(HostPhase phase, const std::string& why);
  void finish();

  RolloutHost* find(const HostId& id);
  void set(RolloutHost& host, HostPhase phase, std::vector<std::string> findings = {});
  void say(std::string line) { step_.said.push_back(std::move(line)); }
  void refuse(std::string why) { step_.accepted = fail(ErrorCode::kConflict, std::move(why)); }
  [[nodiscard]] std::size_t count(HostPhase phase) const { return count_phase(state(), phase); }
  [[nodiscard]] bool timed_out() const {
    return now_ - state().budget_begin() > state().policy.timeout;
  }
  [[nodiscard]] const RolloutRecord& state() const { return step_.state; }
  RolloutRecord& state() { return step_.state; }

  WallTime now_;
  RolloutStep step_;
};

RolloutHost* Machine::find(const HostId& id) {
  const auto found = std::find_if(state().hosts.begin(), state().hosts.end(),
                                  [&](const RolloutHost& host) { return host.id == id; });
  return found == state().hosts.end() ? nullptr : &*found;
}

void Machine::set(RolloutHost& host, HostPhase phase, std::vector<std::string> findings) {
  host.phase = phase;
  if (!findings.empty()) host.findings = std::move(findings);
  if (std::find(step_.changed.begin(), step_.changed.end(), host.id) == step_.changed.end())
    step_.changed.push_back(host.id);
}

void Machine::on(const ev::Started&) {
  if (state().state != RolloutState::kPreparing) return;
  for (auto& host : state().hosts) {
    if (host.phase != HostPhase::kWaiting) continue;
    host.attempts = 1;
    set(host, HostPhase::kPreparing);
    step_.actions.push_back(act::Prepare{host.id});
  }
  after_prepare();
}

void Machine::on(const ev::Prepared& event) {
  RolloutHost* const host = find(event.host);
  if (host == nullptr || !is_asked(*host)) return;
  if (state().state == RolloutState::kPreparing) {
    host->plan_digest = event.plan_digest;
    host->changed = event.changed;
    set(*host, event.changed ? HostPhase::kReady : HostPhase::kDone);
    return after_prepare();
  }
  // Prepared again in its wave: only the plan that was checked with all others may go on, unless
  // somebody has brought the host to the target meanwhile.
  if (!event.changed) {
    host->changed = false;
    set(*host, HostPhase::kDone);
    step_.actions.push_back(act::Forget{host->id});
    return after_commit();
  }
  if (event.plan_digest != host->plan_digest) {
    set(*host, HostPhase::kUnready,
        {"the host was changed after it was checked; its plan is another"});
    step_.actions.push_back(act::Forget{host->id});
    return after_commit();
  }
  set(*host, HostPhase::kCommitting);
  step_.actions.push_back(act::Commit{host->id, host->plan_digest});
}

void Machine::on(const ev::Refused& event) {
  RolloutHost* const host = find(event.host);
  if (host == nullptr || !is_asked(*host)) return;
  set(*host, event.missing ? HostPhase::kMissing : HostPhase::kUnready, {event.why});
  if (state().state == RolloutState::kPreparing)
    after_prepare();
  else
    after_commit();
}

void Machine::on(const ev::Offline& event) {
  RolloutHost* const host = find(event.host);
  if (host == nullptr || !is_asked(*host)) return;
  set(*host, HostPhase::kOffline, {"the host does not answer"});
  if (state().state == RolloutState::kPreparing)
    after_prepare();
  else
    after_commit();
}

void Machine::on(const ev::Progress& event) {
  RolloutHost* const host = find(event.host);
  if (host != nullptr) host->run_phase = event.phase;  // for watchers; nothing depends on it
}

void Machine::on(const ev::Conflict& event) {
  RolloutHost* const host = find(event.host);
  if (host == nullptr || host->phase != HostPhase::kCommitting) return;
  if (host->attempts >= 2) {
    set(*host, HostPhase::kUnready, {event.why});
    return after_commit();
  }
  ++host->attempts;
  set(*host, HostPhase::kPreparing);
  step_.actions.push_back(act::Prepare{host->id});
}

void Machine::on(const ev::Finished& event) {
  RolloutHost* const host = find(event.host);
  if (host == nullptr || !is_awaited(*host, event.record.kind)) return;
  host->times = event.record.times;
  if (event.record.kind == RunKind::kUndo)
    end_undo(*host, event.record);
  else
    end_commit(*host, event.record);
  say(fmt::format("{}: {}", host->name, to_string(host->phase)));
  switch (state().state) {
    case RolloutState::kUndoing:
      return after_undo();
    case RolloutState::kDone:
    case RolloutState::kPaused:  // a late answer changes what the run's end was worth
      state().exit_code = static_cast<int>(exit_code_of(state()));
      return;
    default:
      return after_commit();
  }
}

// Whatever the outcome: this code says that the host needs a human (it may be right and get no
// traffic), so it counts as failed and the next wave waits.
bool needs_a_human(const RunRecord& record) {
  return record.exit_code == static_cast<int>(ExitCode::kInconsistent);
}

void Machine::end_commit(RolloutHost& host, const RunRecord& record) {
  switch (record.outcome) {
    case RunOutcome::kSucceeded:
      if (state().state != RolloutState::kUndoing) {
        if (needs_a_human(record)) return set(host, HostPhase::kInconsistent, record.findings);
        return set(host, HostPhase::kDone);
      }
      // Its answer is late and everybody else is taken back.
      set(host, HostPhase::kUndoing);
      step_.actions.push_back(act::UndoHost{host.id});
      return;
    case RunOutcome::kRestored:
      return set(host, needs_a_human(record) ? HostPhase::kInconsistent : HostPhase::kRestored,
                 record.findings);
    case RunOutcome::kInconsistent:
      return set(host, HostPhase::kInconsistent, record.findings);
    default:
      return set(host, HostPhase::kUnready, record.findings);
  }
}

void Machine::end_undo(RolloutHost& host, const RunRecord& record) {
  if (needs_a_human(record) || record.outcome == RunOutcome::kInconsistent)
    return set(host, HostPhase::kInconsistent, record.findings);
  if (record.outcome == RunOutcome::kSucceeded) return set(host, HostPhase::kUndone);
  set(host, HostPhase::kDone, record.findings);  // it stays where it was
}

void Machine::on(const ev::Tick&) {
  if (state().state == RolloutState::kPreparing && timed_out()) {
    release_waiting(std::string(kTimeIsUp));
    return finish();
  }
  if (state().state != RolloutState::kWaving && state().state != RolloutState::kUndoing) return;
  if (timed_out()) release(HostPhase::kPreparing, std::string(kTimeIsUp));
  if (now_ > answer_deadline(state()))
    for (auto& host : state().hosts)
      if (host.phase == HostPhase::kCommitting || host.phase == HostPhase::kUndoing)
        set(host, HostPhase::kUnknown,
            {"it was told to go and has not answered; 'rollbackctl run list' on it tells"});
  if (state().state == RolloutState::kUndoing) return after_undo();
  after_commit();
}

void Machine::on(const ev::Resume& event) {
  if (state().state != RolloutState::kPaused)
    return refuse("run " + state().id.str() + " is not paused");
  say("resumed by " + event.actor);
  // What has failed so far is accepted with that.
  state().policy.max_fail = Amount{static_cast<std::uint32_t>(failed_hosts(state())), false};
  state().resumed = now_;
  state().state = RolloutState::kWaving;
  after_commit();
}

void Machine::on(const ev::Abort& event) {
  if (state().state == RolloutState::kDone)
    return refuse("run " + state().id.str() + " is over already");
  say("aborted by " + event.actor);
  state().aborted = true;
  release_waiting("the run was aborted by " + event.actor);
  if (state().state == RolloutState::kUndoing) return after_undo();
  if (count(HostPhase::kCommitting) == 0) return finish();
  state().state = RolloutState::kWaving;
}

void Machine::on(const ev::Undo& event) {
  if (state().state != RolloutState::kPaused && state().state != RolloutState::kDone)
    return refuse("run " + state().id.str() + " is still at work; abort it first");
  if (changed_hosts(state()) == 0)
    return refuse("run " + state().id.str() +
                  " has left no host changed: there is nothing to undo");
  say("undo asked by " + event.actor);
  begin_undo();
}

void Machine::after_prepare() {
  if (state().state != RolloutState::kPreparing) return;
  if (count(HostPhase::kPreparing) + count(HostPhase::kWaiting) > 0) return;
  if (const auto why = shortfall(state()); !why.empty()) {
    release_waiting(why);
    say("refused: " + why);
    return finish();
  }
  if (state().dry_run) {
    for (const auto& host : state().hosts)
      if (host.phase == HostPhase::kReady) step_.actions.push_back(act::Forget{host.id});
    return finish();
  }
  assign_waves(state());
  for (auto& host : state().hosts)
    if (host.phase == HostPhase::kReady) set(host, HostPhase::kReady);
  state().state = RolloutState::kWaving;
  say("every host is checked; the first wave begins");
  after_commit();
}

// Something in the waves has ended: is the current wave over, and what follows?
void Machine::after_commit() {
  if (state().state != RolloutState::kWaving) return;
  if (count(HostPhase::kCommitting) + count(HostPhase::kPreparing) > 0) return;
  if (state().aborted) return finish();
  if (too_many_failed(state()) && state().policy.on_failure != OnFailure::kContinue)
    return apply_failure_policy();
  const std::uint32_t next = next_wave(state());
  if (next == 0) return finish();
  if (timed_out()) {
    release_waiting(std::string(kTimeIsUp));
    return finish();
  }
  const bool first = state().wave == 0;
  if (!first && state().policy.batch_wait.count() > 0 && state().next_wave.ns == 0) {
    state().next_wave = now_ + state().policy.batch_wait;
    return;
  }
  if (now_ >= state().next_wave) begin_wave(next);
}

void Machine::begin_wave(std::uint32_t wave) {
  state().wave = wave;
  state().next_wave = WallTime{};
  std::size_t hosts = 0;
  for (auto& host : state().hosts) {
    if (host.wave != wave || host.phase != HostPhase::kReady) continue;
    set(host, HostPhase::kCommitting);
    step_.actions.push_back(act::Commit{host.id, host.plan_digest});
    ++hosts;
  }
  say(fmt::format("wave {}: {} host{}", wave, hosts, hosts == 1 ? "" : "s"));
}

void Machine::apply_failure_policy() {
  const std::size_t failed = failed_hosts(state());
  say(fmt::format("{} of {} hosts failed, more than --max-fail {}", failed, state().hosts.size(),
                  state().policy.max_fail.str()));
  switch (state().policy.on_failure) {
    case OnFailure::kUndo:
      return begin_undo();
    case OnFailure::kStop:
      release_waiting("the run stopped because other hosts failed");
      return finish();
    case OnFailure::kPause:
    case OnFailure::kContinue:
      break;
  }
  if (next_wave(state()) == 0 && changed_hosts(state()) == 0) return finish();  // nothing to decide
  state().state = RolloutState::kPaused;
  state().exit_code = static_cast<int>(exit_code_of(state()));
  step_.actions.push_back(act::Pause{});
}

void Machine::begin_undo() {
  state().state = RolloutState::kUndoing;
  state().finished = WallTime{};
  state().next_wave = WallTime{};
  state().resumed = now_;
  release_waiting("the run was undone");
  for (auto& host : state().hosts) {
    if (host.phase == HostPhase::kInconsistent)
      say(host.name +
          " needs a human and is left as it is; 'rollbackctl undo' on it takes it back");
    if (host.phase != HostPhase::kDone || !host.changed) continue;
    set(host, HostPhase::kUndoing);
    step_.actions.push_back(act::UndoHost{host.id});
  }
  after_undo();
}

void Machine::after_undo() {
  if (count(HostPhase::kUndoing) + count(HostPhase::kCommitting) == 0) finish();
}

void Machine::release_waiting(const std::string& why) {
  for (const HostPhase phase : {HostPhase::kWaiting, HostPhase::kPreparing, HostPhase::kReady})
    release(phase, why);
}

void Machine::release(HostPhase phase, const std::string& why) {
  for (auto& host : state().hosts) {
    if (host.phase != phase) continue;
    set(host, HostPhase::kSkipped, {why});
    step_.actions.push_back(act::Forget{host.id});
  }
}

void Machine::finish() {
  state().state = RolloutState::kDone;
  state().finished = now_;
  state().exit_code = static_cast<int>(exit_code_of(state()));
  step_.actions.push_back(act::Finish{});
}

}  // namespace

RolloutStep advance(const RolloutRecord& state, const RolloutEvent& event, WallTime now) {
  return Machine(state, now).take(event);
}

}  // namespace rollback
