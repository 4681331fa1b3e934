// SPDX-License-Identifier: Apache-2.0
// prune, when it is asked for and after a snapshot. Decided and committed on the run thread, so
// that no run begins meanwhile; what is left to do then waits for nobody and nobody for it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/service/verbs.h"
#include "core/bytes.h"

namespace rollback {

namespace {

// Age and size that are asked for stand instead of the configured ones; the number of releases that
// are kept is a protection and holds until another one is given.
RetentionRules rules_of(const PruneRequest& request, const RetentionRules& configured) {
  const RetentionRules asked{request.keep, request.older_than, request.max_size};
  if (!asked.any()) return configured;
  RetentionRules rules = asked;
  if (rules.keep == 0) rules.keep = configured.keep;
  return rules;
}

// What the run that holds this host goes to, and where it came from.
Result<std::set<std::string>> held_revisions(const Host& host) {
  const auto holder = host.engine.holder();
  if (!holder) return std::set<std::string>{};
  const auto record = host.deps.runs.find(holder->str());
  if (!record)
    return fail(ErrorCode::kBusy, "run " + holder->str() +
                                      " holds this host and what it needs is not known; wait for "
                                      "its end");
  return std::set<std::string>{record->from, record->to, RevisionName::of_run(*holder).str()};
}

Result<RetentionPlan> plan_now(const Host& host, const RetentionRules& rules, Measure measure) {
  ROLLBACK_ASSIGN(const auto held, held_revisions(host));
  return host.pruner.retention().plan(rules, held, host.deps.clock.wall(), measure);
}

std::string does_not_fit(const RetentionRules& rules) {
  return fmt::format(
      "what always stays takes more than {}: unpin releases, keep fewer, or allow more",
      format_bytes(rules.max_size));
}

PruneSummary summary_of(const RetentionPlan& plan, bool dry_run) {
  PruneSummary summary;
  summary.dry_run = dry_run;
  summary.removed = plan.removed();
  summary.kept = static_cast<std::uint32_t>(plan.decisions.size()) - summary.removed;
  summary.bytes = plan.bytes;
  summary.disk_before = plan.disk;
  summary.disk_after = plan.disk - std::min(plan.disk, plan.bytes);
  return summary;
}

void finish(Stream& stream, PruneSummary summary, ExitCode exit, const Result<Swept>& swept) {
  if (!swept)
    return stream.fail(ExitCode::kPartial,
                       swept.error().within("the releases are removed, their space is free only "
                                            "after the agent's next start or the next prune"));
  summary.disk_after = swept->disk;
  const bool changed = summary.removed > 0 || swept->objects > 0;
  stream.send(summary);
  stream.end(exit, changed);
}

}  // namespace

Result<std::map<std::string, std::string>> stays_of_revisions(const Host& host) {
  const auto& rules = host.deps.options.retention;
  ROLLBACK_ASSIGN(const auto held, held_revisions(host));
  ROLLBACK_ASSIGN(const auto known, host.deps.snapshots.statuses());
  ROLLBACK_ASSIGN(const auto history, host.deps.snapshots.history());
  std::map<std::string, std::string> stays;
  for (const auto& it : decide_retention(known, history, held, rules, host.deps.clock.wall()))
    stays.emplace(it.revision.name.str(), how_long(it, rules));
  return stays;
}

void prune_verb(Host& host, const PruneRequest& request, const Asked& asked,
                const StreamPtr& stream) {
  const RetentionRules rules = rules_of(request, host.deps.options.retention);
  if (!rules.any())
    return stream->fail(ExitCode::kUsage,
                        Error{ErrorCode::kInvalid,
                              "nothing says what to keep: give --keep, --older-than or --max-size, "
                              "or set 'retention' in agent.yaml"});
  const auto plan = plan_now(host, rules, Measure::kAlways);
  if (!plan) return stream->fail(exit_code_of(plan.error()), plan.error());
  for (const auto& it : plan->decisions)
    stream->send(PruneItem{it.revision.name.str(), it.removed, it.why, it.bytes});
  const ExitCode exit = plan->fits ? ExitCode::kDone : ExitCode::kPartial;
  if (!plan->fits) stream->note(EventLevel::kWarning, does_not_fit(rules));
  const PruneSummary summary = summary_of(*plan, request.dry_run);
  if (request.dry_run) {
    stream->send(summary);
    return stream->end(exit, false);
  }
  auto status =
      host.pruner.retention().remove(*plan, asked.actor, asked.reason, host.deps.clock.wall());
  if (!status) return stream->fail(exit_code_of(status.error()), status.error());
  status = host.pruner.sweep(GiveBack::kAll, [stream, summary, exit](const Result<Swept>& swept) {
    finish(*stream, summary, exit, swept);
  });
  if (!status) finish(*stream, summary, exit, Failure(status.error()));
}

void prune_after_snapshot(Host& host, Stream& stream) {
  const auto& rules = host.deps.options.retention;
  if (!rules.any()) return;
  const auto warn = [&](const Error& error) {
    stream.note(EventLevel::kWarning, "retention removed nothing: " + error.message);
  };
  const auto plan = plan_now(host, rules, Measure::kWhenNeeded);
  if (!plan) return warn(plan.error());
  if (!plan->fits) stream.note(EventLevel::kWarning, does_not_fit(rules));
  if (plan->removed() == 0 && !plan->wasteful) return;
  auto& retention = host.pruner.retention();
  if (const auto status = retention.remove(*plan, "retention", "", host.deps.clock.wall()); !status)
    return warn(status.error());
  std::string names;
  for (const auto& it : plan->decisions)
    if (it.removed) names += (names.empty() ? "" : ", ") + it.revision.name.str();
  if (!names.empty()) stream.note(EventLevel::kInfo, "retention removed " + names);
  const auto give_back = plan->wasteful ? GiveBack::kAll : GiveBack::kWhenWorthwhile;
  (void)host.pruner.sweep(give_back, nullptr);  // busy: what is at work does it too
}

}  // namespace rollback
