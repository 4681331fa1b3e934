// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/side_effects.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "agent/apply/first_few.h"
#include "agent/apply/packages.h"

namespace rollback {

namespace {

constexpr Duration kAsked = std::chrono::seconds(10);  // longer nobody waits for a warning

bool writes_a_file(const PlanStep& step) {
  return step.action == StepAction::kWrite || step.action == StepAction::kReplace ||
         step.action == StepAction::kRemove;
}

// Files that others changed without a daemon-reload count from the plan's own on.
void tell_outdated(const RunDeps& deps, const Plan& plan, std::vector<std::string>& sentences) {
  const bool reloads = std::any_of(plan.steps.begin(), plan.steps.end(), [](const PlanStep& step) {
    return step.action == StepAction::kDaemonReload;
  });
  if (!reloads) return;
  auto outdated = deps.units.outdated_units(kAsked);
  if (!outdated || outdated->empty()) return;
  std::set<std::string> own;
  for (const auto& step : plan.steps)
    if (step.phase != StepPhase::kCommit) own.insert(step.subject);
  std::erase_if(*outdated, [&](const std::string& unit) { return own.contains(unit); });
  if (outdated->empty()) return;
  sentences.push_back(fmt::format(
      "the files of {} other unit{} changed since systemd read them, and the daemon-reload takes "
      "that up too: {}",
      outdated->size(), outdated->size() == 1 ? "" : "s", first_few(*outdated)));
}

void tell_packaged(const RunDeps& deps, const Plan& plan, std::vector<std::string>& sentences) {
  std::vector<std::string_view> paths;
  for (const auto& step : plan.steps)
    if (writes_a_file(step)) paths.push_back(step.subject);
  const auto files = packaged_files(deps.root, std::move(paths));
  if (!files || files->empty()) return;
  std::vector<std::string> names;
  for (const auto& file : *files) names.push_back(fmt::format("{} ({})", file.path, file.package));
  sentences.push_back(fmt::format(
      "{} a Debian package, and apt will overwrite {}: {}",
      files->size() == 1 ? "1 path belongs to" : fmt::format("{} paths belong to", files->size()),
      files->size() == 1 ? "it" : "them", first_few(names)));
}

}  // namespace

std::vector<std::string> side_effects(const RunDeps& deps, const Plan& plan) {
  std::vector<std::string> sentences;
  tell_outdated(deps, plan, sentences);
  tell_packaged(deps, plan, sentences);
  return sentences;
}

}  // namespace rollback
