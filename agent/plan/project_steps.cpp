// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/project_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace rollback {

namespace {

using Services = std::vector<std::string>;

const ResourceSnapshot* find_resource(const HostState& state, const ResourceSpec& spec) {
  for (const auto& resource : state.snapshot.resources)
    if (resource.kind == spec.kind && resource.name == spec.name) return &resource;
  return nullptr;
}

std::string shown(const Services& services) {
  return fmt::format("{} {}", services.size() == 1 ? "service" : "services",
                     fmt::join(services, ", "));
}

// Why the project is brought up; "" when it is not.
std::string why_up(const UnitInput& input, const std::string& resource, const Services& missing) {
  for (const auto& file : input.files)
    if (file.resource == resource) return "its " + file.subject + " changes";
  if (missing.empty()) return "";
  return fmt::format("{} {} not run, in {} {}", shown(missing), missing.size() == 1 ? "does" : "do",
                     input.to, missing.size() == 1 ? "it does" : "they do");
}

}  // namespace

ProjectSteps plan_projects(const UnitInput& input) {
  ProjectSteps steps;
  for (const auto& spec : input.specs) {
    if (spec.kind != ResourceKind::kCompose) continue;
    const auto* const target = find_resource(input.target, spec);
    const auto* const live = find_resource(input.live, spec);
    if (target == nullptr || live == nullptr) continue;
    const auto& directory = spec.paths.front();
    const auto resource = fmt::format("{}/{}", to_string(spec.kind), spec.name);
    if (const auto extra = without(live->services, target->services); !extra.empty())
      steps.quiesce.push_back({StepPhase::kQuiesce, StepAction::kStopProject, directory, resource,
                               fmt::format("{} has {} stopped", input.to, shown(extra)),
                               "bring it up again"});
    if (target->services.empty()) continue;
    auto why = why_up(input, resource, without(target->services, live->services));
    if (!why.empty())
      steps.activate.push_back({StepPhase::kActivate, StepAction::kStartProject, directory,
                                resource, std::move(why),
                                "bring it up again with the files of before"});
  }
  return steps;
}

Services without(const Services& services, const Services& others) {
  Services left;
  std::set_difference(services.begin(), services.end(), others.begin(), others.end(),
                      std::back_inserter(left));
  return left;
}

}  // namespace rollback
