// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/project_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/apply/unit_work.h"
#include "agent/layout.h"
#include "agent/plan/project_steps.h"
#include "agent/resources/compose_engine.h"

namespace rollback {

namespace {

using Services = std::vector<std::string>;

constexpr Duration kUpDeadline = std::chrono::minutes(3);
constexpr Duration kStopDeadline = std::chrono::seconds(90);

const ResourceSnapshot* find_named(const HostState& state, const std::string& resource) {
  for (const auto& found : state.snapshot.resources)
    if (fmt::format("{}/{}", to_string(found.kind), found.name) == resource) return &found;
  return nullptr;
}

std::string name_in(const ResourceSnapshot* resource) {
  if (resource == nullptr) return "";
  for (const auto& fact : resource->facts)
    if (fact.name == kProjectFact) return fact.value;
  return "";
}

bool holds(const Services& services, const std::string& service) {
  return std::binary_search(services.begin(), services.end(), service);
}

std::string shown(const Services& services) {
  return services.empty() ? "nothing" : fmt::format("{}", fmt::join(services, ", "));
}

// By their containers: the files may not name them any more, or not be valid.
Status stop(ComposeEngine& engine, const JournalProject& project, const Services& services,
            Duration deadline) {
  if (services.empty()) return {};
  ROLLBACK_ASSIGN(const auto containers, engine.containers(project.directory));
  std::vector<std::string> ids;
  for (const auto& container : containers)
    if (container.runs() && holds(services, container.service)) ids.push_back(container.id);
  return engine.stop(project.directory, ids, deadline);
}

// What they depend on is started with them, and may be meant to be down.
Status up(ComposeEngine& engine, const JournalProject& project, const Services& services,
          Duration deadline) {
  ROLLBACK_TRY(engine.up(project.directory, project.name, services, deadline));
  ROLLBACK_ASSIGN(const auto containers, engine.containers(project.directory));
  return stop(engine, project, without(running_services(containers), services), kStopDeadline);
}

}  // namespace

std::vector<JournalProject> note_projects(const Plan& plan, const HostState& origin,
                                          const HostState& target) {
  std::vector<JournalProject> projects;
  for (const auto& step : plan.steps) {
    const bool starts = step.action == StepAction::kStartProject;
    if (!starts && step.action != StepAction::kStopProject) continue;
    auto known = std::find_if(projects.begin(), projects.end(), [&](const auto& project) {
      return project.directory == step.subject;
    });
    if (known == projects.end()) {
      const auto* const before = find_named(origin, step.resource);
      const auto* const after = find_named(target, step.resource);
      auto name = name_in(before);
      if (name.empty()) name = name_in(after);
      projects.push_back({step.subject, std::move(name),
                          before == nullptr ? Services{} : before->services,
                          after == nullptr ? Services{} : after->services, false});
      known = std::prev(projects.end());
    }
    known->starts |= starts;
  }
  return projects;
}

std::uint32_t units_before_projects(const Plan& plan, const std::vector<JournalUnit>& units) {
  bool projects = false;
  for (const auto& step : plan.steps) {
    projects |= step.action == StepAction::kStartProject;
    if (!projects) continue;
    for (std::size_t i = 0; i < units.size(); ++i)
      if (units[i].name == step.subject) return static_cast<std::uint32_t>(i);
  }
  return static_cast<std::uint32_t>(units.size());
}

Status quiesce_projects(const Projects& projects, const Live& live, const Clock& clock,
                        BootTime end) {
  if (projects.empty()) return {};
  ComposeEngine engine(live.files.root(), live.programs);
  for (auto project = projects.rbegin(); project != projects.rend(); ++project) {
    ROLLBACK_ASSIGN(const Duration time,
                    time_for("stop services of " + project->directory, kStopDeadline, clock, end));
    ROLLBACK_TRY(stop(engine, *project, without(project->before, project->after), time));
  }
  return {};
}

Status activate_projects(const Projects& projects, const Live& live, const Clock& clock,
                         BootTime end) {
  if (projects.empty()) return {};
  ComposeEngine engine(live.files.root(), live.programs);
  for (const auto& project : projects) {
    if (!project.starts) continue;
    ROLLBACK_ASSIGN(const Duration time,
                    time_for("bring " + project.directory + " up", kUpDeadline, clock, end));
    ROLLBACK_TRY(up(engine, project, project.after, time));
  }
  return {};
}

std::vector<std::string> stop_projects_for_undo(const Projects& projects, const Live& live) {
  std::vector<std::string> failures;
  if (projects.empty()) return failures;
  ComposeEngine engine(live.files.root(), live.programs);
  for (auto project = projects.rbegin(); project != projects.rend(); ++project)
    if (const auto stopped =
            stop(engine, *project, without(project->after, project->before), kStopDeadline);
        !stopped)
      failures.push_back(stopped.error().message);
  return failures;
}

std::vector<std::string> start_projects_for_undo(const Projects& projects, bool activated,
                                                 const Live& live) {
  std::vector<std::string> failures;
  if (projects.empty()) return failures;
  ComposeEngine engine(live.files.root(), live.programs);
  for (const auto& project : projects) {
    const bool replaced = activated && project.starts;
    const bool stopped = !without(project.before, project.after).empty();
    if (project.before.empty() || (!replaced && !stopped)) continue;
    if (const auto started = up(engine, project, project.before, kUpDeadline); !started)
      failures.push_back(started.error().message);
  }
  return failures;
}

std::vector<std::string> projects_unlike_origin(const Projects& projects, const RunDeps& deps) {
  std::vector<std::string> found;
  if (projects.empty()) return found;
  ComposeReader reader(deps.root, deps.programs);
  for (const auto& project : projects) {
    const auto containers = reader.containers(project.directory);
    if (!containers) {
      found.push_back(containers.error().message);
    } else if (const auto running = running_services(*containers); running != project.before) {
      found.push_back(fmt::format("{} runs {}, before the run it ran {}", project.directory,
                                  shown(running), shown(project.before)));
    }
  }
  return found;
}

std::vector<std::string> services_down(const HostState& target, const RunDeps& deps) {
  std::vector<std::string> down;
  for (const auto& resource : target.snapshot.resources) {
    if (resource.services.empty()) continue;
    for (const auto& spec : deps.options.resources) {
      if (spec.kind != resource.kind || spec.name != resource.name) continue;
      const auto& directory = spec.paths.front();
      const auto containers = ComposeReader(deps.root, deps.programs).containers(directory);
      if (!containers) {
        down.push_back(containers.error().message);
        continue;
      }
      auto lines = why_down(directory, *containers, resource.services);
      std::move(lines.begin(), lines.end(), std::back_inserter(down));
    }
  }
  return down;
}

}  // namespace rollback
