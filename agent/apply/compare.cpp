// SPDX-License-Identifier: Apache-2.0
// What a run would do now: the release that is meant, the host as it is, and the plan between them.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "agent/apply/accounts.h"
#include "agent/apply/active_run.h"
#include "agent/apply/first_few.h"
#include "agent/apply/side_effects.h"
#include "agent/plan/drift.h"
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

// What the history says this host is on.
const Revision* deployed_of(const std::vector<RevisionStatus>& known) {
  for (const auto& it : known)
    if (it.status == ReleaseStatus::kDeployed) return &it.revision;
  return nullptr;
}

// What somebody changed since the deployed revision was recorded, among what the plan changes.
class Drift {
 public:
  Drift(const RunDeps& deps, const OwnerNames& owners, Comparison& found)
      : deps_(deps), owners_(owners), found_(found) {}

  Status settle(const Revision& deployed, const Revision& target, DriftPolicy policy) {
    if (deployed.content_root == found_.origin.state.content_root) return {};
    since_ = fmt::format("changed since {} was recorded", deployed.name.str());
    const bool is_target = deployed.snapshot == target.snapshot;
    auto paths = is_target ? drifted(found_.target) : load_drifted(deployed);
    if (!paths && policy != DriftPolicy::kOverwrite) return Failure(std::move(paths).error());
    if (!paths) {
      warn(fmt::format("whether files were {} is not known: {}", since_, paths.error().message));
      return {};
    }
    if (paths->empty()) return {};
    switch (policy) {
      case DriftPolicy::kOverwrite:
        return overwrite(*paths, is_target);
      case DriftPolicy::kKeep:
        return keep(*paths);
      case DriftPolicy::kAbort:
        return fail(
            ErrorCode::kConflict,
            fmt::format("{} {}: {}; look at `rollbackctl diff {}`, then repeat with "
                        "--drift overwrite or --drift keep",
                        counted(paths->size()), since_, first_few(*paths), deployed.name.str()));
    }
    return {};
  }

 private:
  static std::string counted(std::size_t paths) {
    return paths == 1 ? "1 path was" : fmt::format("{} paths were", paths);
  }
  void warn(std::string text) { found_.plan.warnings.push_back(std::move(text)); }

  [[nodiscard]] std::vector<std::string> drifted(const HostState& deployed) const {
    return drifted_paths({found_.plan.steps, found_.origin.state, deployed});
  }
  Result<std::vector<std::string>> load_drifted(const Revision& deployed) const {
    ROLLBACK_ASSIGN(auto state, deps_.snapshots.load_state(deployed.snapshot));
    (void)settle_accounts(state, owners_, "");  // what is lacking is told of the target
    return drifted(state);
  }

  Status overwrite(const std::vector<std::string>& paths, bool all) {
    warn(fmt::format("{} {} and will be overwritten: {} (the run keeps what is there now)",
                     counted(paths.size()), since_, first_few(paths)));
    if (all) return {};
    const std::set<std::string_view> drifted(paths.begin(), paths.end());
    for (auto& step : found_.plan.steps)
      if (step.phase == StepPhase::kCommit && drifted.contains(step.subject))
        step.why += "; " + since_;
    return {};
  }

  Status keep(const std::vector<std::string>& paths) {
    found_.kept = keep_live(found_.target, found_.origin.state, paths);
    const auto& old = found_.plan;
    ROLLBACK_ASSIGN(auto plan, make_plan({found_.origin.state, found_.target, old.from, old.to,
                                          deps_.options.resources, deps_.options.hooks}));
    found_.plan = std::move(plan);
    warn(fmt::format("{} {} and will be left as now (--drift keep): {}", counted(paths.size()),
                     since_, first_few(paths)));
    return {};
  }

  const RunDeps& deps_;
  const OwnerNames& owners_;
  Comparison& found_;
  std::string since_;
};

Result<Comparison> compare_to(const RunDeps& deps, const std::vector<RevisionStatus>& known,
                              const Revision& target, DriftPolicy drift) {
  Comparison result;
  ROLLBACK_ASSIGN(result.target, deps.snapshots.load_state(target.snapshot));
  ROLLBACK_ASSIGN(const auto owners, OwnerNames::load(deps.root));
  const auto lacking = settle_accounts(result.target, owners, target.name.str());
  MemorySink sink(result.origin.memory, deps.clock.wall());
  ROLLBACK_ASSIGN(result.origin.state,
                  capture(deps.root, deps.resources, sink, deps.readers, {},
                          {.target = &result.target.snapshot, .memory = &sink}));
  ROLLBACK_ASSIGN(result.plan,
                  make_plan({result.origin.state, result.target,
                             name_of_live(known, result.origin.state.content_root),
                             target.name.str(), deps.options.resources, deps.options.hooks}));
  if (result.plan.empty()) return result;
  if (const Revision* const deployed = deployed_of(known); deployed != nullptr)
    ROLLBACK_TRY(Drift(deps, owners, result).settle(*deployed, target, drift));
  result.plan.warnings.insert(result.plan.warnings.end(), lacking.begin(), lacking.end());
  for (auto& sentence : side_effects(deps, result.plan))
    result.plan.warnings.push_back(std::move(sentence));
  return result;
}

// The previous good release. A broken deploy that nobody recorded has left the release that the
// history calls deployed: then that is the one to go back to.
Result<Comparison> compare_with_previous(const RunDeps& deps,
                                         const std::vector<RevisionStatus>& known,
                                         DriftPolicy drift) {
  for (const auto& it : known) {
    if (it.status != ReleaseStatus::kDeployed || it.revision.name.is_run()) continue;
    ROLLBACK_ASSIGN(auto left, compare_to(deps, known, it.revision, drift));
    if (!left.plan.empty() || !left.kept.empty()) return left;
  }
  ROLLBACK_ASSIGN(const Revision previous, previous_target(known));
  return compare_to(deps, known, previous, drift);
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

Result<Comparison> compare_with(const RunDeps& deps, const CompareOrder& order) {
  if (order.to.empty() && !deps.snapshots.takes_writes())
    return fail(ErrorCode::kConflict,
                "which release was the previous one is not known for sure, because the store is "
                "damaged; name one, as in 'rollbackctl rollback --to v1.2.3'");
  ROLLBACK_ASSIGN(const auto known, deps.snapshots.statuses());
  if (order.to.empty()) return compare_with_previous(deps, known, order.drift);
  ROLLBACK_ASSIGN(const RevisionName name, RevisionName::parse(order.to));
  ROLLBACK_ASSIGN(const Revision target, target_of(order.kind, name, known));
  ROLLBACK_ASSIGN(auto comparison, compare_to(deps, known, target, order.drift));
  comparison.target_was_red = !target.healthy;
  return comparison;
}

namespace {

Duration time_of(const PlanStep& step) {
  if (step.action == StepAction::kStartProject) return std::chrono::seconds(3);
  return std::chrono::milliseconds(step.phase == StepPhase::kCommit ? 1 : 150);
}

// From the first unit that stops to the last one of these that starts again.
Duration downtime_of(const std::vector<PlanStep>& steps) {
  std::set<std::string> down;
  Duration since{};  // the first stop
  Duration downtime{};
  for (const auto& step : steps) {
    if (step.action == StepAction::kStopUnit) down.insert(step.subject);
    if (!down.empty()) since += time_of(step);
    if (step.action == StepAction::kStartUnit && down.contains(step.subject)) downtime = since;
  }
  return downtime;
}

}  // namespace

PreparedRun describe(const RunDeps& deps, const RunId& run, const Plan& plan) {
  PreparedRun prepared{run, {}, plan_digest(plan), {}, {}};
  if (plan.empty()) return prepared;
  const auto& gate = deps.options.gate;
  prepared.estimate =
      std::chrono::milliseconds(100) + gate.soak + gate.interval * std::max(0, gate.successes - 1);
  for (const auto& step : plan.steps) prepared.estimate += time_of(step);
  prepared.downtime = downtime_of(plan.steps);
  return prepared;
}

}  // namespace rollback
