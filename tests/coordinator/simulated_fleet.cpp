// SPDX-License-Identifier: Apache-2.0
#include "tests/coordinator/simulated_fleet.h"

#include <fmt/format.h>

#include <set>

namespace rollback::testing {

namespace {

constexpr Duration kResendEvery = std::chrono::seconds(20);
constexpr Duration kLongest = std::chrono::hours(6);

std::size_t index_of(const HostId& id, std::size_t hosts) {
  for (std::size_t i = 0; i < hosts; ++i)
    if (host_id(i + 1) == id) return i;
  return hosts;
}

bool is_terminal(HostPhase phase) {
  return phase != HostPhase::kWaiting && phase != HostPhase::kPreparing &&
         phase != HostPhase::kReady && phase != HostPhase::kCommitting &&
         phase != HostPhase::kUndoing;
}

}  // namespace

SimulatedFleet::SimulatedFleet(std::uint64_t seed) : random_(seed) {
  const std::size_t count = random_.below(12) + 1;
  RolloutPolicy policy;
  if (chance(50)) policy.batches = {{1, false}, {2, false}};
  policy.max_fail = Amount{static_cast<std::uint32_t>(random_.below(3)), false};
  policy.on_failure = static_cast<OnFailure>(random_.below(4) + 1);
  policy.batch_wait = std::chrono::seconds(random_.below(2) * 5);
  for (auto* const shortfall : {&policy.unready, &policy.missing, &policy.offline})
    *shortfall = chance(80) ? ShortfallPolicy::kSkip : ShortfallPolicy::kFail;
  stored_ = rollout_of(count, policy);
  stored_.dry_run = chance(5);
  now_ = stored_.started;
  for (std::size_t i = 0; i < count; ++i) {
    SimHost host;
    host.silent = chance(3);
    host.conflict = chance(8);
    host.ends = !chance(3);
    host.undo_ends = !chance(5);
    host.plan = plan_of(i + 1);
    host.nothing_to_do = chance(8);
    if (chance(6)) host.refusal = ev::Refused{host_id(i + 1), "refused", chance(50)};
    if (chance(12)) host.commit = RunOutcome::kRestored;
    if (chance(2)) host.commit = RunOutcome::kInconsistent;
    if (chance(5)) host.undo = RunOutcome::kRestored;
    hosts_.push_back(host);
  }
}

void SimulatedFleet::expect(bool holds, const std::string& promise) {
  if (!holds) broken_.push_back(promise);
}

void SimulatedFleet::run() {
  take(ev::Started{});
  at(now_ + kResendEvery, Resend{});
  if (chance(20)) at(now_ + within(120), Operator{});
  const WallTime last = now_ + kLongest;
  while (!queue_.empty() && now_ < last && broken_.empty()) {
    const auto deadline = next_deadline(stored_, now_);
    if (up_ && deadline && *deadline < queue_.top().at) {
      now_ = std::max(now_, *deadline);  // it was down when it was due
      take(ev::Tick{});
      const auto following = next_deadline(stored_, now_);
      expect(!up_ || !following || *following > now_, "a Tick moves on, else the runner spins");
      continue;
    }
    const Happening next = queue_.top();
    queue_.pop();
    now_ = next.at;
    std::visit([this](const auto& what) { on(what); }, next.what);
  }
}

void SimulatedFleet::take(const RolloutEvent& event) {
  if (chance(1)) return crash();  // before it was stored
  const RolloutStep step = advance(stored_, event, now_);
  check_step(step);
  stored_ = step.state;
  if (chance(2)) return crash();  // stored, not acted
  for (const auto& action : step.actions) send(action);
  if (stored_.state == RolloutState::kPaused) at(now_ + within(600), Operator{});
}

void SimulatedFleet::crash() {
  up_ = false;
  at(now_ + within(30), Restart{});
}

void SimulatedFleet::on(const Restart&) {
  if (up_) return;
  up_ = true;
  for (const auto& action : outstanding(stored_)) send(action);
}

void SimulatedFleet::on(const Resend&) {
  if (up_)
    for (const auto& action : outstanding(stored_)) send(action);
  if (stored_.state != RolloutState::kDone) at(now_ + kResendEvery, Resend{});
  if (up_ && stored_.state == RolloutState::kPaused) at(now_ + within(60), Operator{});
}

void SimulatedFleet::on(const Operator&) {
  if (!up_) return;
  if (stored_.state != RolloutState::kPaused) return take(ev::Abort{"op"});
  switch (random_.below(3)) {
    case 0:
      return take(ev::Resume{"op"});
    case 1:
      return take(ev::Abort{"op"});
    default:
      return take(chance(90) ? RolloutEvent(ev::Undo{"op"}) : RolloutEvent(ev::Resume{"op"}));
  }
}

void SimulatedFleet::send(const RolloutAction& action) {
  const auto host_of = [this](const HostId& id) { return index_of(id, hosts_.size()); };
  if (const auto* const prepare = std::get_if<act::Prepare>(&action)) {
    const std::size_t host = host_of(prepare->host);
    post(host, Kind::kPrepare, {});
    if (hosts_[host].silent && chance(50))
      at(now_ + within(9), ToCoordinator{host, 0, ev::Offline{prepare->host}});
  } else if (const auto* const commit = std::get_if<act::Commit>(&action)) {
    check_commit(*commit);
    post(host_of(commit->host), Kind::kCommit, commit->plan_digest);
  } else if (const auto* const forget = std::get_if<act::Forget>(&action)) {
    post(host_of(forget->host), Kind::kForget, {});
  } else if (const auto* const undo = std::get_if<act::UndoHost>(&action)) {
    post(host_of(undo->host), Kind::kUndo, {});
  }
}

void SimulatedFleet::post(std::size_t host, Kind kind, const Digest& digest) {
  const ToHost command{host, kind, ++command_, digest};
  hosts_[host].latest = command.number;
  if (chance(5)) return;  // lost
  at(now_ + within(2), command);
  if (chance(5)) at(now_ + within(20), command);  // and once more, late
}

void SimulatedFleet::answer(const ToHost& command, RolloutEvent event, WallTime when) {
  if (chance(5)) return;
  const ToCoordinator message{command.host, command.number, std::move(event)};
  at(when + within(2), message);
  if (chance(8)) at(when + within(30), message);
}

void SimulatedFleet::on(const ToHost& command) {
  SimHost& host = hosts_[command.host];
  if (host.silent || command.number < host.latest) return;  // a link is in order
  const HostId id = host_id(command.host + 1);
  switch (command.kind) {
    case Kind::kPrepare:
      if (host.refusal) return answer(command, *host.refusal, now_ + within(10));
      host.prepared = !host.nothing_to_do;
      return answer(command, ev::Prepared{id, host.plan, !host.nothing_to_do}, now_ + within(10));
    case Kind::kForget:
      host.prepared = false;
      return;
    case Kind::kCommit:
      return commit_on_host(command);
    case Kind::kUndo:
      return undo_on_host(command);
  }
}

void SimulatedFleet::commit_on_host(const ToHost& command) {
  SimHost& host = hosts_[command.host];
  if (!host.committed && host.conflict) {
    answer(command, ev::Conflict{host_id(command.host + 1), "changed"}, now_);
    host.conflict = false;
    if (chance(30)) host.plan = sha256("another plan");
    host.prepared = false;
    return;
  }
  if (!host.committed && !host.prepared)
    return answer(command, ev::Conflict{host_id(command.host + 1), "not prepared"}, now_);
  if (!host.committed) {
    host.committed = now_ + within(60);
    host.on_target = host.commit == RunOutcome::kSucceeded;
  }
  if (!host.ends) return;
  answer(command, finished(command.host + 1, host.commit), std::max(now_, *host.committed));
}

void SimulatedFleet::undo_on_host(const ToHost& command) {
  SimHost& host = hosts_[command.host];
  if (!host.undone) {
    host.undone = now_ + within(60);
    if (host.undo == RunOutcome::kSucceeded) host.on_target = false;
  }
  if (!host.undo_ends) return;
  answer(command, finished(command.host + 1, host.undo, RunKind::kUndo),
         std::max(now_, *host.undone));
}

void SimulatedFleet::on(const ToCoordinator& message) {
  if (!up_) return;
  SimHost& host = hosts_[message.host];
  if (message.number != 0 && message.number < host.latest) return;
  host.answered = true;
  take(message.event);
}

void SimulatedFleet::check_commit(const act::Commit& commit) {
  const std::size_t index = index_of(commit.host, hosts_.size());
  for (std::size_t i = 0; i < hosts_.size(); ++i)
    expect(hosts_[i].answered, fmt::format("{} is committed before {} has answered",
                                           stored_.hosts[index].name, stored_.hosts[i].name));
  const SimHost& host = hosts_[index];
  expect(!host.silent && !host.refusal && !host.nothing_to_do,
         stored_.hosts[index].name + " is committed and is not ready");
  expect(!stored_.dry_run, "a dry run commits");
}

void SimulatedFleet::check_step(const RolloutStep& step) {
  const RolloutRecord& next = step.state;
  if (next.state == RolloutState::kWaving) {
    std::set<std::uint32_t> at_work;
    for (const auto& host : next.hosts)
      if (host.phase == HostPhase::kCommitting || host.phase == HostPhase::kPreparing)
        at_work.insert(host.wave);
    expect(at_work.size() <= 1, "two waves run at once");
  }
  if (next.wave != stored_.wave && next.policy.on_failure != OnFailure::kContinue)
    expect(!too_many_failed(next), "a wave begins after too many hosts failed");
  for (std::size_t i = 0; i < next.hosts.size(); ++i) {
    const bool differs = next.hosts[i].phase != stored_.hosts[i].phase;
    const bool named =
        std::find(step.changed.begin(), step.changed.end(), next.hosts[i].id) != step.changed.end();
    expect(!differs || named, next.hosts[i].name + " changed and would not be stored");
  }
}

void SimulatedFleet::check_end() {
  expect(stored_.state == RolloutState::kDone, "the rollout ends");
  expect(stored_.exit_code == static_cast<int>(exit_code_of(stored_)), "the exit code is current");
  std::size_t on_target = 0;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const auto& host = stored_.hosts[i];
    if (hosts_[i].on_target) ++on_target;
    expect(is_terminal(host.phase) || (stored_.dry_run && host.phase == HostPhase::kReady),
           fmt::format("{} ends as {}", host.name, to_string(host.phase)));
    if (host.phase == HostPhase::kUnknown || host.phase == HostPhase::kInconsistent) continue;
    expect(hosts_[i].on_target == (host.phase == HostPhase::kDone && host.changed),
           fmt::format("{} is called {} and {} on the target", host.name, to_string(host.phase),
                       hosts_[i].on_target ? "is" : "is not"));
  }
  const auto exit = static_cast<ExitCode>(stored_.exit_code);
  if (exit == ExitCode::kRefused || exit == ExitCode::kRestored)
    expect(on_target == 0, "refused or restored, and a host was changed");
}

}  // namespace rollback::testing
