// SPDX-License-Identifier: Apache-2.0
// plan, rollback, undo, and the coordinator's prepare, commit and forget.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/plan/text_diff.h"
#include "agent/service/verbs.h"
#include "protocol/records.h"

namespace rollback {

namespace {

constexpr std::size_t kMostTold = 10'000;  // steps; no run waits for somebody to read its plan

// Gives the steps, of which there may be many: nobody needs them while the run goes on.
std::vector<PlanStep> send_head(Stream& stream, PreparedRun& prepared, DriftPolicy drift) {
  auto steps = std::exchange(prepared.plan.steps, {});
  stream.send(
      PlanItem{prepared.plan, prepared.plan_digest, prepared.estimate, prepared.downtime, drift});
  return steps;
}

void tell_plan(Stream& stream, PreparedRun& prepared, DriftPolicy drift) {
  auto steps = send_head(stream, prepared, drift);
  const std::size_t told = std::min(steps.size(), kMostTold);
  for (std::size_t i = 0; i < told; ++i) stream.send(std::move(steps[i]));
  if (told < steps.size())
    stream.note(EventLevel::kInfo,
                fmt::format("{} more steps are not listed here; `rollbackctl plan` lists them all",
                            steps.size() - told));
}

// A run that was refused before anything changed, as its watchers see it.
RunRecord refused_record(const PrepareOrder& order, const Error& error, WallTime now) {
  RunRecord record;
  record.id = order.run;
  record.kind = order.kind;
  record.actor = order.actor;
  record.reason = order.reason;
  record.to = order.to;
  record.started = record.finished = now;
  record.phase = RunPhase::kDone;
  record.outcome = outcome_of_refusal(error);
  record.exit_code = static_cast<int>(exit_code_of(error));
  record.findings = {error.message};
  return record;
}

void commit_and_finish(Host& host, const RunId& run, const Digest& digest, RunRecord refused) {
  auto record = host.engine.commit(run, digest, host.hub);
  if (record) return host.hub.finish(*record, std::nullopt);
  (void)host.engine.forget(run);  // the commit's own error is what people must see
  refused.exit_code = static_cast<int>(exit_code_of(record.error()));
  refused.outcome = RunOutcome::kRefused;
  refused.findings = {record.error().message};
  host.hub.finish(refused, record.error());
}

// Local rollback and undo: prepare, then commit at once.
void execute(Host& host, const PrepareOrder& order, const StreamPtr& stream) {
  host.hub.begin(order.run, stream);
  auto prepared = host.engine.prepare(order, host.hub);
  if (!prepared)
    return host.hub.finish(refused_record(order, prepared.error(), host.deps.clock.wall()),
                           prepared.error());
  tell_plan(*stream, *prepared, order.drift);
  if (!order.dry_run)
    return commit_and_finish(host, order.run, prepared->plan_digest,
                             refused_record(order, Error{}, host.deps.clock.wall()));
  RunRecord record = refused_record(order, Error{}, host.deps.clock.wall());
  record.outcome = RunOutcome::kForgotten;
  record.from = prepared->plan.from;
  record.to = prepared->plan.to;
  record.exit_code = static_cast<int>(ExitCode::kDone);
  record.findings = {"dry run: every check passed, nothing was changed"};
  host.hub.finish(record, std::nullopt);
}

Result<RunId> run_to_undo(const RunStore& runs, const std::string& asked) {
  if (!asked.empty()) {
    ROLLBACK_ASSIGN(const auto record, runs.find(asked));
    if (record.outcome != RunOutcome::kSucceeded || !record.changed)
      return fail(ErrorCode::kConflict, "run " + record.id.str() + " changed nothing that lasts (" +
                                            std::string(to_string(record.outcome)) +
                                            "): there is nothing to undo");
    return record.id;
  }
  ROLLBACK_ASSIGN(const auto records, runs.newest(0));
  for (const auto& record : records)
    if (record.outcome == RunOutcome::kSucceeded && record.changed) return record.id;
  return fail(ErrorCode::kNotFound, "no run on this host has changed anything yet");
}

}  // namespace

void plan_verb(Host& host, const PlanRequest& request, Stream& stream) {
  auto planned = host.engine.plan(request.to, request.drift);
  if (!planned) return stream.fail(exit_code_of(planned.error()), planned.error());
  const bool differs = !planned->plan.empty();
  for (auto& step : send_head(stream, *planned, request.drift))
    if (!stream.send_patiently(std::move(step))) return;
  if (request.diff) {
    DiffRequest diff{"live", planned->plan.to, false};
    return diff_verb(host, diff, stream);
  }
  stream.end(ExitCode::kDone, differs);
}

void rollback_verb(Host& host, const RollbackRequest& request, const Asked& asked,
                   const StreamPtr& stream) {
  PrepareOrder order;
  order.run = RunId::make(host.deps.random);
  order.to = request.to;
  order.actor = asked.actor;
  order.reason = asked.reason;
  order.timeout = request.timeout;
  order.accept_removals = request.accept_removals;
  order.confirm = request.confirm;
  order.dry_run = request.dry_run;
  order.plan = request.plan;
  order.drift = request.drift;
  order.accept_facts = request.accept_facts;
  execute(host, order, stream);
}

void undo_verb(Host& host, const UndoRequest& request, const Asked& asked,
               const StreamPtr& stream) {
  const auto undone = run_to_undo(host.deps.runs, request.run);
  if (!undone) return stream->fail(exit_code_of(undone.error()), undone.error());
  PrepareOrder order;
  order.run = RunId::make(host.deps.random);
  order.kind = RunKind::kUndo;
  order.to = RevisionName::of_run(*undone).str();
  order.actor = asked.actor;
  order.reason = asked.reason;
  order.timeout = request.timeout;
  order.dry_run = request.dry_run;
  order.drift = request.drift;
  order.accept_facts = request.accept_facts;
  execute(host, order, stream);
}

void prepare_verb(Host& host, const PrepareRequest& request, const Asked& asked, Stream& stream) {
  PrepareOrder order;
  order.run = request.run;
  order.kind = request.to.starts_with("run:") ? RunKind::kUndo : RunKind::kRollback;
  order.to = request.to;
  order.actor = asked.actor;
  order.reason = asked.reason;
  order.timeout = request.timeout;
  order.lease = request.lease;
  order.confirm = request.confirm;
  const auto prepared = host.engine.prepare(order, host.hub);
  if (!prepared) return stream.fail(exit_code_of(prepared.error()), prepared.error());
  stream.send(Prepared{prepared->run, prepared->plan_digest, !prepared->plan.empty(),
                       prepared->estimate,
                       static_cast<std::uint32_t>(prepared->plan.steps.size())});
  stream.end(ExitCode::kDone, !prepared->plan.empty());
}

// Told twice, a run is done once: a finished one answers with its record.
void commit_verb(Host& host, const CommitRequest& request, const StreamPtr& stream) {
  if (const auto known = host.deps.runs.find(request.run.str());
      known && known->outcome != RunOutcome::kRunning)
    return host.hub.watch(request.run, 1, stream);
  host.hub.begin(request.run, stream);
  PrepareOrder order;
  order.run = request.run;
  commit_and_finish(host, request.run, request.plan_digest,
                    refused_record(order, Error{}, host.deps.clock.wall()));
}

void forget_verb(Host& host, const ForgetRequest& request, Stream& stream) {
  if (const auto status = host.engine.forget(request.run); !status)
    return stream.fail(exit_code_of(status.error()), status.error());
  stream.end(ExitCode::kDone, false);
}

}  // namespace rollback
