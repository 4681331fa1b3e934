// SPDX-License-Identifier: Apache-2.0
// Resolve, plan, preflight, stage. Everything here may refuse; nothing here holds a Live, or
// touches what is live.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "agent/apply/active_run.h"
#include "agent/apply/ballast.h"
#include "agent/apply/fact_guard.h"
#include "agent/apply/fingerprint.h"
#include "agent/apply/preflight.h"
#include "agent/apply/project_work.h"
#include "agent/apply/staging.h"
#include "agent/apply/unit_work.h"
#include "agent/apply/validation.h"
#include "agent/plan/hook_steps.h"
#include "agent/plan/planner.h"
#include "core/memory.h"

namespace rollback {

namespace {

constexpr std::size_t kManySteps = 10'000;  // planned with memory that staging would add to

std::vector<ProbeSpec> probes_for(const AgentOptions& options, bool ProbeSpec::*when) {
  std::vector<ProbeSpec> probes;
  for (const auto& spec : options.health)
    if (spec.*when) probes.push_back(spec);
  return probes;
}

Status check_before(const RunDeps& deps) {
  for (const auto& result : deps.prober.round(probes_for(deps.options, &ProbeSpec::before)))
    if (!result.green && result.required)
      return fail(ErrorCode::kConflict,
                  fmt::format("the probe {} must be green before a run and is red: {}", result.name,
                              result.answer));
  return {};
}

class Preparer {
 public:
  Preparer(const RunDeps& deps, const PrepareOrder& order, RunLog& log, RunRecord& record)
      : deps_(deps), order_(order), log_(log), record_(record), budget_(order, deps.clock.boot()) {}

  Result<Preparation> run() {
    ROLLBACK_ASSIGN(RunLock lock, RunLock::take(deps_.state));
    ROLLBACK_ASSIGN(const auto unfinished, Journal::find(deps_.state));
    if (unfinished)
      return fail(ErrorCode::kBusy,
                  fmt::format("run {} to {} was interrupted and is not finished yet; restart "
                              "rollback-agent, which finishes it",
                              unfinished->begin.run.str(), unfinished->begin.to));
    log_.enter(RunPhase::kPlanned, "comparing the host with " + order_.to);
    ROLLBACK_ASSIGN(auto comparison, compare_with(deps_, {order_.to, order_.kind, order_.drift}));
    record_.from = comparison.plan.from;
    record_.to = comparison.plan.to;
    for (const auto& warning : comparison.plan.warnings) log_.warn(warning);
    Preparation result;
    result.prepared = describe(deps_, order_.run, comparison.plan);
    record_.plan_digest = result.prepared.plan_digest;
    ROLLBACK_TRY(check_plan(result.prepared.plan_digest, comparison.plan));
    if (comparison.plan.empty()) return finished(std::move(result), std::move(comparison));

    ROLLBACK_TRY(in_time());
    log_.enter(RunPhase::kPreflight,
               fmt::format("{} steps to {}", comparison.plan.steps.size(), record_.to));
    ROLLBACK_ASSIGN(StageSet stages, preflight(comparison));
    ROLLBACK_TRY(in_time());
    JournalBegin begin{order_.run,   order_.kind, order_.actor,    order_.reason,
                       record_.from, record_.to,  record_.started, stages.paths()};
    ROLLBACK_ASSIGN(Journal journal, Journal::create(deps_.state, begin));
    auto intent = stage(comparison, stages, result.prepared.plan_digest);
    auto status = intent ? Status() : Status(Failure(intent.error()));
    if (status && !order_.dry_run) {
      status = journal.append(*intent);
      if (status) status = journal.reserve(journal_reserve(comparison.plan));
      if (status) status = journal.append(JournalPhase{RunPhase::kStaged, deps_.clock.wall()});
    }
    if (!status || order_.dry_run) {
      // What cannot be cleaned stays in the journal, and recovery tries again.
      const auto cleaned = let_go(deps_, journal, stages);
      if (!status) return Failure(std::move(status).error());
      ROLLBACK_TRY(cleaned);
      return finished(std::move(result), std::move(comparison));
    }
    record_.phase = RunPhase::kStaged;
    result.run.emplace(ActiveRun{
        std::move(lock), std::move(journal), std::move(stages), record_, *std::move(intent),
        std::move(comparison.origin), std::move(comparison.target), std::move(comparison.kept),
        comparison.target_was_red, std::move(baseline_), 0, budget_,
        ConfirmOrder{order_.confirm, order_.lease > Duration::zero()}, std::nullopt});
    return finished(std::move(result), std::move(comparison));
  }

 private:
  static Preparation finished(Preparation result, Comparison comparison) {
    result.prepared.plan = std::move(comparison.plan);
    return result;
  }

  // What somebody looked at is what is done, or nothing.
  [[nodiscard]] Status check_plan(const Digest& digest, const Plan& plan) const {
    if (order_.plan.is_none() || order_.plan == digest) return {};
    return fail(ErrorCode::kConflict,
                fmt::format("the host changed since plan {} was made: now it would be plan {} with "
                            "{} steps; look at `rollbackctl plan --to {}` again",
                            order_.plan.hex().substr(0, 12), digest.hex().substr(0, 12),
                            plan.steps.size(), plan.to));
  }

  [[nodiscard]] Status in_time() const { return budget_.check(deps_.clock.boot()); }

  Result<StageSet> preflight(Comparison& comparison) {
    ROLLBACK_TRY(check_before(deps_));
    ROLLBACK_TRY(check_removed(comparison.plan));
    ROLLBACK_TRY(check_facts(deps_, order_, comparison, log_));
    tell_facts(comparison);
    std::vector<std::string> paths;  // one of each row of neighbours, which share their mount
    for (const auto& step : comparison.plan.steps)
      if (step.phase == StepPhase::kCommit &&
          (paths.empty() || parent_of(paths.back()) != parent_of(step.subject)))
        paths.push_back(step.subject);
    ROLLBACK_ASSIGN(StageSet stages, StageSet::locate(deps_.root, order_.run, paths));
    const PreflightInput input{deps_.root,
                               deps_.state,
                               stages,
                               comparison.plan,
                               comparison.origin.state,
                               comparison.target,
                               preview_bytes(deps_, comparison)};
    auto checked = check_files(input);
    if (!checked && checked.error().code == ErrorCode::kNoSpace && give_up_ballast(deps_.state)) {
      log_.warn("the disk is full: the run takes the room that was held back for that");
      checked = check_files(input);
    }
    ROLLBACK_TRY(checked);
    ROLLBACK_ASSIGN(const auto doubts, doubtful_file_systems(deps_.root, stages));
    for (const auto& doubt : doubts) log_.warn(doubt);
    tell_last_read();
    return stages;
  }

  // What is staged is hashed on its way; the rest was when the whole store was.
  void tell_last_read() {
    const WallTime read = deps_.snapshots.last_verified();
    const auto what =
        "contents of " + record_.to + " that stay as they are were last read and hashed ";
    if (read.ns == 0)
      return log_.info("the stored contents of " + record_.to +
                       " that stay as they are were never read again: `rollbackctl verify --all "
                       "--deep` does that");
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(deps_.clock.wall() - read);
    log_.info(what + (hours.count() < 1    ? std::string("within the last hour")
                      : hours.count() < 48 ? fmt::format("{} h ago", hours.count())
                                           : fmt::format("{} days ago", hours.count() / 24)));
  }

  Status check_removed(const Plan& plan) const {
    if (order_.accept_removals) return {};
    // Reading every revision is only worth it when there is much to remove.
    if (unrecorded_removals(plan, {}).size() <= deps_.options.max_removals) return {};
    std::set<std::string> recorded;
    ROLLBACK_ASSIGN(const auto revisions, deps_.snapshots.revisions());
    for (const auto& revision : revisions) {
      if (revision.name.is_run()) continue;
      ROLLBACK_ASSIGN(const auto state, deps_.snapshots.load_state(revision.snapshot));
      for (const auto& [path, node] : state.manifest) recorded.insert(path);
    }
    return check_removals(plan, recorded, deps_.options.max_removals);
  }

  void tell_facts(const Comparison& comparison) {
    std::map<std::string, std::string> live;
    for (const auto& resource : comparison.origin.state.snapshot.resources)
      for (const auto& fact : resource.facts) live[resource.name + " " + fact.name] = fact.value;
    for (const auto& resource : comparison.target.snapshot.resources)
      for (const auto& fact : resource.facts)
        if (const auto now = live.find(resource.name + " " + fact.name);
            now != live.end() && now->second != fact.value)
          log_.info(fmt::format("{} is {} now and was {} with {}", now->first, now->second,
                                fact.value, record_.to));
  }

  Result<JournalIntent> stage(Comparison& comparison, StageSet& stages, const Digest& plan_digest) {
    if (comparison.plan.steps.size() >= kManySteps) release_free_memory();
    ROLLBACK_TRY(stages.make());
    ROLLBACK_ASSIGN(const auto owners, OwnerNames::load(deps_.root));
    const ContentSource content = [this](const Digest& digest, const auto& use) {
      return deps_.blobs.read(digest, use);
    };
    JournalIntent intent;
    intent.plan_digest = plan_digest;
    ROLLBACK_ASSIGN(intent.files,
                    stage_contents({deps_.root, stages, comparison.plan, comparison.origin.state,
                                    comparison.target, content, owners, deps_.readers}));
    log_.info(fmt::format("{} changes staged", intent.files.size()));
    ROLLBACK_TRY(in_time());
    ROLLBACK_TRY(validate({deps_, comparison, stages, intent.files, log_}));
    ROLLBACK_TRY(in_time());
    ROLLBACK_TRY(save_origin(stages, comparison.origin));
    comparison.origin.memory.closed = true;  // what verification sees nobody asks for again
    // keep_origin() reads the trees there.
    if (!stages.paths().empty()) comparison.origin.memory.bound();
    ROLLBACK_ASSIGN(intent.units, note_units(comparison.plan, deps_.units));
    intent.projects = note_projects(comparison.plan, comparison.origin.state, comparison.target);
    intent.units_first = units_before_projects(comparison.plan, intent.units);
    intent.daemon_reload =
        std::any_of(comparison.plan.steps.begin(), comparison.plan.steps.end(),
                    [](const PlanStep& step) { return step.action == StepAction::kDaemonReload; });
    if (has_hooks(comparison.plan)) intent.hooks = deps_.options.hooks;
    baseline_ = deps_.prober.round(probes_for(deps_.options, &ProbeSpec::after));
    for (const auto& result : baseline_)
      if (!result.green && result.required) intent.red_before.push_back(result.name);
    ROLLBACK_ASSIGN(intent.fingerprint, fingerprint(deps_.root, comparison.origin.state));
    return intent;
  }

  const RunDeps& deps_;
  const PrepareOrder& order_;
  RunLog& log_;
  RunRecord& record_;
  const RunBudget budget_;
  std::vector<ProbeResult> baseline_;
};

}  // namespace

Result<Preparation> prepare_run(const RunDeps& deps, const PrepareOrder& order, RunLog& log,
                                RunRecord& record) {
  return Preparer(deps, order, log, record).run();
}

}  // namespace rollback
