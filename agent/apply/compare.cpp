// SPDX-License-Identifier: Apache-2.0
// What a run would do now: the release that is meant, the host as it is, and the plan between them.
#include <algorithm>
#include <utility>

#include "agent/apply/accounts.h"
#include "agent/apply/active_run.h"
#include "agent/plan/planner.h"
#include "protocol/records.h"

namespace rollback {

namespace {

// The revision the host is on: the deployed one when its content is live, else the newest that is.
std::string name_of_live(const std::vector<RevisionStatus>& known, const Digest& root) {
  std::string name;
  for (const auto& it : known) {
    if (it.revision.content_root != root) continue;
    name = it.revision.name.str();
    if (it.status == ReleaseStatus::kDeployed) break;
  }
  return name;
}

Result<Comparison> compare_to(const RunDeps& deps, const std::vector<RevisionStatus>& known,
                              const Revision& target) {
  Comparison result;
  ROLLBACK_ASSIGN(result.target, deps.snapshots.load_state(target.snapshot));
  ROLLBACK_ASSIGN(const auto owners, OwnerNames::load(deps.root));
  const auto lacking = settle_accounts(result.target, owners, target.name.str());
  TreeSink sink;
  ROLLBACK_ASSIGN(result.origin.state, capture(deps.root, deps.resources, sink, deps.readers, {},
                                               {.target = &result.target.snapshot}));
  result.origin.trees = sink.take();
  ROLLBACK_ASSIGN(result.plan, make_plan({result.origin.state, result.target,
                                          name_of_live(known, result.origin.state.content_root),
                                          target.name.str(), deps.options.resources}));
  if (result.plan.empty()) return result;
  result.plan.warnings.insert(result.plan.warnings.end(), lacking.begin(), lacking.end());
  return result;
}

// The previous good release. A broken deploy that nobody recorded has left the release that the
// history calls deployed: then that is the one to go back to.
Result<Comparison> compare_with_previous(const RunDeps& deps,
                                         const std::vector<RevisionStatus>& known) {
  for (const auto& it : known) {
    if (it.status != ReleaseStatus::kDeployed || it.revision.name.is_run()) continue;
    ROLLBACK_ASSIGN(auto left, compare_to(deps, known, it.revision));
    if (!left.plan.empty()) return left;
  }
  ROLLBACK_ASSIGN(const Revision previous, previous_target(known));
  return compare_to(deps, known, previous);
}

// What a run replaced is usually a broken release: red then is no reason to refuse its undo.
Result<Revision> target_of(RunKind kind, const RevisionName& name,
                           const std::vector<RevisionStatus>& known) {
  if (kind == RunKind::kUndo && name.is_run())
    for (const auto& it : known)
      if (it.revision.name == name) return it.revision;
  return resolve_target(name, known);
}

}  // namespace

Result<Comparison> compare_with(const RunDeps& deps, const std::string& to, RunKind kind) {
  if (to.empty() && !deps.snapshots.takes_writes())
    return fail(ErrorCode::kConflict,
                "which release was the previous one is not known for sure, because the store is "
                "damaged; name one, as in 'rollbackctl rollback --to v1.2.3'");
  ROLLBACK_ASSIGN(const auto known, deps.snapshots.statuses());
  if (to.empty()) return compare_with_previous(deps, known);
  ROLLBACK_ASSIGN(const RevisionName name, RevisionName::parse(to));
  ROLLBACK_ASSIGN(const Revision target, target_of(kind, name, known));
  ROLLBACK_ASSIGN(auto comparison, compare_to(deps, known, target));
  comparison.target_was_red = !target.healthy;
  return comparison;
}

PreparedRun describe(const RunDeps& deps, const RunId& run, const Plan& plan) {
  PreparedRun prepared{run, {}, plan_digest(plan), {}};
  if (plan.empty()) return prepared;
  const auto& gate = deps.options.gate;
  prepared.estimate =
      std::chrono::milliseconds(100) + gate.soak + gate.interval * std::max(0, gate.successes - 1);
  for (const auto& step : plan.steps)
    prepared.estimate += step.phase == StepPhase::kCommit ? std::chrono::milliseconds(1)
                                                          : std::chrono::milliseconds(150);
  return prepared;
}

}  // namespace rollback
