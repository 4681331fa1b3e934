// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/rollback.h"

#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "agent/apply/active_run.h"
#include "agent/apply/ballast.h"
#include "agent/apply/execute.h"
#include "agent/apply/fingerprint.h"
#include "agent/apply/interrupted.h"

namespace rollback {

namespace {

RunRecord new_record(const PrepareOrder& order, WallTime now) {
  RunRecord record;
  record.id = order.run;
  record.kind = order.kind;
  record.actor = order.actor;
  record.reason = order.reason;
  record.to = order.to;
  record.started = now;
  return record;
}

}  // namespace

RunOutcome outcome_of_refusal(const Error& error) noexcept {
  return error.code == ErrorCode::kTimeout ? RunOutcome::kForgotten : RunOutcome::kRefused;
}

ExitCode exit_code_of(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::kBusy:
      return ExitCode::kLocked;
    case ErrorCode::kTimeout:
      return ExitCode::kTimedOut;
    default:
      return ExitCode::kRefused;
  }
}

struct RollbackEngine::Inner {
  Inner(const RunDeps& run_deps, const Live& live_host) : deps(run_deps), live(live_host) {}

  RunDeps deps;
  Live live;
  std::optional<ActiveRun> active;
  std::optional<RunId> deploy;  // that holds the host between its begin and its end
  mutable std::mutex mutex;     // guards held: other threads ask who holds the host
  std::optional<RunId> held;

  void note_holder() {
    std::optional<RunId> now;
    if (active) {
      now = active->record.id;
    } else if (const auto journal = Journal::find(deps.state); journal && *journal) {
      now = (*journal)->begin.run;
    } else {
      now = deploy;
    }
    const std::lock_guard lock(mutex);
    held = now;
  }

  // The end of a run that changed nothing.
  Status finish(RunRecord record, RunOutcome outcome, int exit_code) const {
    record.phase = RunPhase::kDone;
    record.outcome = outcome;
    record.exit_code = exit_code;
    record.finished = deps.clock.wall();
    const auto put = deps.runs.put(record);
    return put || deps.snapshots.takes_writes() ? put : Status();  // it would never be taken
  }

  Status forget() {
    auto run = std::move(*active);
    active.reset();
    (void)finish(run.record, RunOutcome::kForgotten, static_cast<int>(ExitCode::kRefused));
    return let_go(deps, run.journal, run.stages);
  }

  [[nodiscard]] bool lease_is_over() const {
    return active && active->lease_end && deps.clock.boot() >= *active->lease_end;
  }

  // Refuses what must be prepared again; nothing live was touched.
  Status still_valid(const Digest& plan_digest) {
    if (active->intent.plan_digest != plan_digest)
      return fail(ErrorCode::kConflict,
                  fmt::format("run {} was prepared with another plan; prepare it again",
                              active->record.id.str()));
    if (lease_is_over())
      return fail(ErrorCode::kConflict, fmt::format("the lease of run {} is over; prepare it again",
                                                    active->record.id.str()));
    ROLLBACK_ASSIGN(const Digest now, fingerprint(deps.root, active->origin.state));
    if (now != active->intent.fingerprint)
      return fail(ErrorCode::kConflict,
                  fmt::format("managed files changed since run {} was prepared; prepare it again",
                              active->record.id.str()));
    return {};
  }
};

// Whatever a call did and however it ended: afterwards it is known who holds the host.
class RollbackEngine::Noted {
 public:
  explicit Noted(Inner& inner) : inner_(inner) {}
  ~Noted() { inner_.note_holder(); }
  Noted(const Noted&) = delete;
  Noted& operator=(const Noted&) = delete;

 private:
  Inner& inner_;
};

RollbackEngine::RollbackEngine(const RunDeps& deps, const Live& live)
    : inner_(std::make_unique<Inner>(deps, live)) {
  inner_->note_holder();
}
RollbackEngine::~RollbackEngine() = default;

Result<PreparedRun> RollbackEngine::plan(const std::string& to, DriftPolicy drift) {
  ROLLBACK_ASSIGN(auto comparison, compare_with(inner_->deps, {.to = to, .drift = drift}));
  auto prepared = describe(inner_->deps, RunId(), comparison.plan);
  prepared.plan = std::move(comparison.plan);
  return prepared;
}

Result<PreparedRun> RollbackEngine::prepare(const PrepareOrder& order, RunListener& listener) {
  const Noted noted(*inner_);
  auto& active = inner_->active;
  const auto& deps = inner_->deps;
  RunRecord record = new_record(order, deps.clock.wall());
  std::uint64_t events = 0;
  RunLog log(deps.clock, listener, record, events);
  Result<Preparation> prepared = fail(ErrorCode::kBug, "not prepared");
  if (active && active->record.id == order.run) ROLLBACK_TRY(inner_->forget());
  if (active)
    prepared = fail(ErrorCode::kBusy,
                    fmt::format("run {} to {} by {} holds this host; wait for it or `rollbackctl "
                                "run abort {}`",
                                active->record.id.str(), active->record.to, active->record.actor,
                                active->record.id.str()));
  else if (inner_->deploy && inner_->deploy != order.within)
    prepared = fail(ErrorCode::kBusy,
                    fmt::format("the deploy {0} holds this host; wait for its end, or end it with "
                                "`rollbackctl deploy abort {0}`",
                                inner_->deploy->str()));
  else
    prepared = prepare_run(deps, order, log, record);

  if (!prepared) {
    const Error error = std::move(prepared).error();
    log.finding(error.message);
    log.leave();
    if (!order.dry_run)
      (void)inner_->finish(record, outcome_of_refusal(error),
                           static_cast<int>(exit_code_of(error)));
    return Failure(error);
  }
  if (prepared->run) {
    active = std::move(prepared->run);
    log.enter(RunPhase::kStaged, "prepared: nothing has changed yet");
    active->record = record;
    active->events = events;
    if (order.lease > Duration::zero()) active->lease_end = deps.clock.boot() + order.lease;
    (void)deps.runs.put(record);  // for who watches; the journal is what counts
  } else if (!order.dry_run) {
    log.info("nothing to do");
    log.leave();
    ROLLBACK_TRY(inner_->finish(record, RunOutcome::kSucceeded, static_cast<int>(ExitCode::kDone)));
  }
  return std::move(prepared->prepared);
}

Result<RunRecord> RollbackEngine::commit(const RunId& run, const Digest& plan_digest,
                                         RunListener& listener) {
  const Noted noted(*inner_);
  auto& active = inner_->active;
  if (!active || active->record.id != run) {
    auto known = inner_->deps.runs.find(run.str());
    if (known && known->outcome != RunOutcome::kRunning) return known;  // told twice, done once
    return fail(ErrorCode::kNotFound,
                fmt::format("run {} is not prepared on this host; prepare it again", run.str()));
  }
  if (auto valid = inner_->still_valid(plan_digest); !valid) {
    ROLLBACK_TRY(inner_->forget());
    return Failure(std::move(valid).error());
  }
  auto record = execute_run(inner_->deps, inner_->live, *active, listener);
  active.reset();
  return record;
}

Status RollbackEngine::forget(const RunId& run, const std::string& why) {
  const Noted noted(*inner_);
  if (!inner_->active || inner_->active->record.id != run) return {};
  if (!why.empty()) inner_->active->record.findings.push_back(why);
  return inner_->forget();
}

void RollbackEngine::hold_for(const std::optional<RunId>& deploy) {
  const Noted noted(*inner_);
  inner_->deploy = deploy;
}

std::optional<RunId> RollbackEngine::holder() const {
  const std::lock_guard lock(inner_->mutex);
  return inner_->held;
}

Status RollbackEngine::forget_expired() {
  if (!inner_->lease_is_over()) return {};
  const Noted noted(*inner_);
  return inner_->forget();
}

std::string RollbackEngine::hold_room() { return holder() ? "" : hold_ballast(inner_->deps.state); }

Result<std::optional<RunRecord>> RollbackEngine::finish_interrupted(RunListener& listener) {
  if (inner_->active) return std::nullopt;
  const Noted noted(*inner_);
  return finish_interrupted_run(inner_->deps, inner_->live, listener);
}

}  // namespace rollback
