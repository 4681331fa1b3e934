// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rollout/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/rollout/policy.h"
#include "core/overloaded.h"
#include "protocol/records.h"

namespace rollback {

namespace {

namespace act = rollout_action;

bool is_same_header(const RolloutRecord& a, const RolloutRecord& b) {
  const auto left = encode_rollout(a);
  const auto right = encode_rollout(b);
  return left && right && *left == *right;
}

}  // namespace

Runner::~Runner() {
  for (const auto& [key, task] : tasks_)
    if (task.asked) deps_.agents.drop(*task.asked);
}

Status Runner::resume_stored() {
  ROLLBACK_ASSIGN(const auto headers, deps_.ledger.newest(0));
  for (const auto& header : headers) {
    if (header.state == RolloutState::kDone) {
      ROLLBACK_TRY(forget_again(header));
      continue;
    }
    if (active_)
      return fail(ErrorCode::kCorrupt, "the store holds two unfinished runs of the fleet, " +
                                           active_->id.str() + " and " + header.id.str());
    ROLLBACK_ASSIGN(active_, deps_.ledger.load(header.id));
  }
  if (!active_) return {};
  deps_.log(fmt::format("run {} to {} goes on: {}", active_->id.str(), active_->to,
                        to_string(active_->state)));
  const BootTime now = deps_.clock.boot();
  next_renewal_ = now + kPatience;  // leases ran on while nobody was here
  armed_ = next_deadline(*active_, deps_.clock.wall());
  for (const auto& action : outstanding(*active_)) act(active_->id, action);
  // Nobody has had the time to connect yet.
  for (auto& [key, task] : tasks_) task.missing_since = now;
  // A crash may have come between the last answer and what follows from it.
  return handle(rollout_event::Tick{});
}

// The last thing that a run asks of hosts may not have reached them; they wait for it with their
// lock held until the lease ends.
Status Runner::forget_again(const RolloutRecord& header) {
  if (deps_.clock.wall() - header.finished > kLease) return {};
  ROLLBACK_ASSIGN(const auto rollout, deps_.ledger.load(header.id));
  for (const auto& host : rollout.hosts)
    if (host.phase == HostPhase::kSkipped || host.phase == HostPhase::kReady)
      begin_task(rollout.id, host.id, Work::kForget);
  return {};
}

Status Runner::free_for(const RunId* run) const {
  ROLLBACK_TRY(health_);
  if (!active_ || (run != nullptr && active_->id == *run)) return {};
  const std::string id = active_->id.str();
  return fail(ErrorCode::kBusy,
              fmt::format("run {} to {} by {} holds the fleet ({}); 'rollbackctl fleet run watch "
                          "{}' shows it, 'rollbackctl fleet run abort {}' ends it",
                          id, active_->to, active_->actor, to_string(active_->state), id, id));
}

Result<RunId> Runner::start(const FleetRollbackRequest& request,
                            const std::vector<HostRecord>& hosts, const std::string& actor,
                            const std::string& reason) {
  ROLLBACK_TRY(free_for(nullptr));
  RolloutRecord rollout;
  rollout.id = RunId::make(deps_.random);
  rollout.to = request.to;
  rollout.actor = actor;
  rollout.reason = reason;
  rollout.policy = request.policy;
  rollout.dry_run = request.dry_run;
  rollout.started = deps_.clock.wall();
  for (const auto& host : hosts) {
    RolloutHost member;
    member.id = host.id;
    member.name = host.name;
    rollout.hosts.push_back(std::move(member));
  }
  const RunId id = rollout.id;
  deps_.log(
      fmt::format("run {} to {} on {} hosts, by {}", id.str(), rollout.to, hosts.size(), actor));
  active_ = std::move(rollout);
  next_renewal_ = deps_.clock.boot() + kRenewal;
  if (const auto begun = handle(rollout_event::Started{}); !begun) {
    active_.reset();
    return Failure(begun.error());
  }
  return id;
}

Result<RolloutRecord> Runner::run_to_tell(const std::string& run, const RolloutEvent& event) const {
  if (run.empty() && active_) return *active_;
  if (!run.empty() || !std::holds_alternative<rollout_event::Undo>(event))
    return deps_.ledger.find(run);
  ROLLBACK_ASSIGN(const auto headers, deps_.ledger.newest(0));
  for (const auto& header : headers) {
    if (header.dry_run) continue;
    ROLLBACK_ASSIGN(auto rollout, deps_.ledger.load(header.id));
    if (has_changed_a_host(rollout)) return rollout;
  }
  return fail(ErrorCode::kNotFound,
              "no run has changed a host of the fleet yet: there is nothing to undo");
}

Result<RunId> Runner::tell(const std::string& run, const RolloutEvent& event) {
  ROLLBACK_ASSIGN(auto rollout, run_to_tell(run, event));
  const RunId id = rollout.id;
  if (!active_ || active_->id != id) {
    // A run that is over: only undo takes it up again.
    const auto step = advance(rollout, event, deps_.clock.wall());
    ROLLBACK_TRY(step.accepted);
    ROLLBACK_TRY(free_for(&id));
    active_ = std::move(rollout);
    next_renewal_ = deps_.clock.boot() + kRenewal;
  }
  ROLLBACK_TRY(handle(event));
  return id;
}

Status Runner::handle(const RolloutEvent& event) {
  queue_.push_back(event);
  if (handling_) return {};
  handling_ = true;
  Status first;
  for (bool is_first = true; !queue_.empty() && active_; is_first = false) {
    const RolloutEvent next = std::move(queue_.front());
    queue_.pop_front();
    const Status status = apply(next);
    if (is_first) first = status;
  }
  queue_.clear();
  handling_ = false;
  return first;
}

Status Runner::apply(const RolloutEvent& event) {
  ROLLBACK_TRY(health_);
  RolloutStep step = advance(*active_, event, deps_.clock.wall());
  ROLLBACK_TRY(step.accepted);
  const RolloutRecord before = std::move(*active_);
  const bool changed = !step.changed.empty() || !is_same_header(before, step.state);
  if (changed) {
    health_ = deps_.ledger.save(step.state, step.changed);
    if (!health_) {
      active_ = before;
      deps_.log("nothing can be stored any more: " + health_.error().message);
      return health_;
    }
  }
  active_ = step.state;
  armed_ = next_deadline(*active_, deps_.clock.wall());
  announce(step, before.state);
  const RunId run = active_->id;
  for (const auto& action : step.actions) act(run, action);
  return {};
}

void Runner::act(const RunId& run, const RolloutAction& action) {
  std::visit(
      Overloaded{
          [&](const act::Prepare& it) {
            begin_task(run, it.host, Work::kPrepare);
            // Offline at the start is offline; later it may be back in a moment.
            if (active_->state == RolloutState::kPreparing)
              tasks_[{run, it.host}].missing_since = deps_.clock.boot() - kPatience;
          },
          [&](const act::Commit& it) { begin_task(run, it.host, Work::kCommit, it.plan_digest); },
          [&](const act::Forget& it) { begin_task(run, it.host, Work::kForget); },
          [&](const act::UndoHost& it) { begin_task(run, it.host, Work::kUndo); },
          [&](const act::Finish&) {
            deps_.log(fmt::format("run {} is over, exit code {}", run.str(), active_->exit_code));
            finish_watchers(run);
            // What was not answered by now is no part of the run; forgetting still is.
            std::erase_if(tasks_, [&](const auto& entry) {
              if (entry.second.work == Work::kForget) return false;
              if (entry.second.asked) deps_.agents.drop(*entry.second.asked);
              return true;
            });
            seen_events_.clear();
            armed_.reset();
            active_.reset();
          },
          [&](const act::Pause&) {
            deps_.log(fmt::format("run {} is paused", run.str()));
            finish_watchers(run);
          },
      },
      action);
}

void Runner::tick() {
  if (!health_) return;
  const BootTime now = deps_.clock.boot();
  if (active_ && armed_ && deps_.clock.wall() >= *armed_) (void)handle(rollout_event::Tick{});
  std::vector<TaskKey> keys;
  for (const auto& [key, task] : tasks_) keys.push_back(key);
  for (const auto& key : keys)
    if (const auto found = tasks_.find(key); found != tasks_.end())
      tick_task(key, found->second, now);
  if (active_ && now >= next_renewal_) renew_leases(now);
  std::erase_if(watchers_, [](const auto& entry) { return entry.second->is_gone(); });
}

}  // namespace rollback
