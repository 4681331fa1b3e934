// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/planner.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "agent/plan/file_diff.h"
#include "agent/plan/hook_steps.h"
#include "agent/plan/project_steps.h"
#include "agent/plan/unit_steps.h"
#include "agent/privilege.h"

namespace rollback {

namespace {

template <typename R>
std::string name_of(const R& resource) {
  return fmt::format("{}/{}", to_string(resource.kind), resource.name);
}

// Where a resource writes without a release having named the path. nginx and compose also own files
// that their configuration refers to, wherever those are.
std::vector<std::string> own_roots(const ResourceSpec& spec) {
  if (spec.kind == ResourceKind::kSystemd) return {"/etc/systemd"};
  if (spec.kind == ResourceKind::kNginx && spec.paths.empty()) return {"/etc/nginx"};
  return spec.paths;
}

bool refers_to_files(const ResourceSpec& spec) {
  return spec.kind == ResourceKind::kNginx || spec.kind == ResourceKind::kCompose;
}

// A configured path may be a glob; then the path itself or one of its parents must match it.
bool covers(const std::string& root, std::string_view path) {
  if (is_within(path, root)) return true;
  if (root.find_first_of("*?[") == std::string::npos) return false;
  for (std::string part(path); part.size() > 1; part.resize(part.rfind('/'))) {
    if (fnmatch(root.c_str(), part.c_str(), FNM_PATHNAME) == 0) return true;
    if (part.rfind('/') == 0) break;
  }
  return false;
}

bool in_own_roots(const ResourceSpec& spec, std::string_view path) {
  const auto roots = own_roots(spec);
  return std::any_of(roots.begin(), roots.end(),
                     [&](const std::string& root) { return covers(root, path); });
}

class Owners {
 public:
  explicit Owners(const PlanInput& input) : input_(input) {
    for (const auto& spec : input.specs) specs_.emplace(name_of(spec), &spec);
  }

  // Also fills who owns what.
  Status check_target(std::vector<std::string>& warnings) {
    for (const auto& resource : input_.target.snapshot.resources)
      ROLLBACK_TRY(add_target(resource));
    for (const auto& resource : input_.live.snapshot.resources) add_live(resource, warnings);
    return {};
  }

  [[nodiscard]] std::string of(std::string_view path) const {
    // The managed path that holds `path` is the nearest one before it in byte order, or a parent.
    for (std::string part(path); !part.empty(); part.resize(part.rfind('/')))
      if (const auto found = owner_.find(part); found != owner_.end()) return found->second;
    return "";
  }

 private:
  Status add_target(const ResourceSnapshot& resource) {
    const auto name = name_of(resource);
    const auto spec = specs_.find(name);
    if (spec == specs_.end())
      return fail(ErrorCode::kInvalid,
                  fmt::format("{} holds the resource {}, which agent.yaml does not configure; add "
                              "it there or choose another release",
                              input_.to, name));
    targeted_.insert(name);
    for (const auto& path : resource.paths) {
      const bool known = refers_to_files(*spec->second) || in_own_roots(*spec->second, path.path);
      if (!known || !is_canonical_path(path.path) || path.path == "/")
        return fail(ErrorCode::kInvalid,
                    fmt::format("{} holds {}, which {} ({}) may not write; add the path there or "
                                "choose another release",
                                input_.to, path.path, name, spec->second->where));
      owner_[path.path] = name;
    }
    return {};
  }

  void add_live(const ResourceSnapshot& resource, std::vector<std::string>& warnings) {
    const auto name = name_of(resource);
    if (!targeted_.contains(name)) {
      warnings.push_back(
          fmt::format("{} was recorded without {}: it is left as it is", input_.to, name));
      return;
    }
    const auto spec = specs_.find(name);
    for (const auto& path : resource.paths) {
      if (owner_.contains(path.path)) continue;
      // Referred to today, unknown to the target: whether a release brought it, nobody can say.
      if (spec != specs_.end() && in_own_roots(*spec->second, path.path))
        owner_[path.path] = name;
      else if (path.node && of(path.path).empty())
        warnings.push_back(
            fmt::format("{} is outside the directories of {} and not in {}: it is "
                        "left as it is",
                        path.path, name, input_.to));
    }
  }

  const PlanInput& input_;
  std::map<std::string, const ResourceSpec*> specs_;
  std::map<std::string, std::string, std::less<>> owner_;
  std::set<std::string> targeted_;
};

// Enablement is made of links; where they are equal and systemd still says otherwise, say so.
void compare_enablement(const PlanInput& input, const std::vector<PlanStep>& files,
                        std::vector<std::string>& warnings) {
  const bool links_change = std::any_of(files.begin(), files.end(), [](const PlanStep& step) {
    return is_within(step.subject, "/etc/systemd");
  });
  if (links_change) return;
  std::map<std::string, std::string> live;
  for (const auto& resource : input.live.snapshot.resources)
    for (const auto& unit : resource.units) live[unit.name] = unit.enablement;
  for (const auto& resource : input.target.snapshot.resources)
    for (const auto& unit : resource.units)
      if (const auto now = live.find(unit.name);
          now != live.end() && now->second != unit.enablement)
        warnings.push_back(fmt::format("{} is {} now and {} in {}, but no managed file differs",
                                       unit.name, now->second, unit.enablement, input.to));
}

// What the target lists without holding it: whatever is there now is not judged by it.
class Untold {
 public:
  explicit Untold(const HostState& target) : paths_(target.left_out) {}

  [[nodiscard]] bool covers(std::string_view path) const {
    if (paths_.empty()) return false;
    for (std::string part(path); !part.empty(); part.resize(part.rfind('/')))
      if (paths_.contains(part)) return true;
    return false;
  }
  void warn(const HostState& live, const std::string& to,
            std::vector<std::string>& warnings) const {
    for (const auto& [path, kind] : paths_)
      if (live.manifest.contains(path))
        warnings.push_back(
            fmt::format("{} is {} in {}, of which nothing is recorded: it is left "
                        "as it is now",
                        path, to_string(kind), to));
  }

 private:
  const std::map<std::string, LeftOut>& paths_;
};

}  // namespace

Result<Plan> make_plan(const PlanInput& input) {
  Plan plan;
  plan.from = input.from;
  plan.to = input.to;
  plan.from_root = input.live.content_root;
  plan.to_root = input.target.content_root;

  Owners owners(input);
  ROLLBACK_TRY(owners.check_target(plan.warnings));
  for (const auto& [path, node] : input.target.manifest)
    ROLLBACK_TRY(check_privilege(input.specs, path, node));
  const Untold untold(input.target);
  untold.warn(input.live, input.to, plan.warnings);
  auto files = diff_files({input.live, input.target, input.to, [&](std::string_view path) {
                             return untold.covers(path) ? std::string() : owners.of(path);
                           }});
  const UnitInput around{input.live, input.target, input.specs, files, input.to};
  auto units = plan_units(around);
  auto projects = plan_projects(around);
  compare_enablement(input, files, plan.warnings);

  // Units stop before the projects that they may use; nginx comes last.
  plan.steps = std::move(units.quiesce);
  plan.steps.reserve(plan.steps.size() + files.size() + units.activate.size());
  for (auto* more : {&projects.quiesce, &files, &units.activate, &projects.activate, &units.nginx})
    std::move(more->begin(), more->end(), std::back_inserter(plan.steps));
  add_hooks(input.hooks, plan.steps);
  std::move(units.warnings.begin(), units.warnings.end(), std::back_inserter(plan.warnings));
  return plan;
}

std::vector<std::string> unrecorded_removals(const Plan& plan,
                                             const std::set<std::string>& recorded) {
  std::vector<std::string> paths;
  for (const auto& step : plan.steps)
    if ((step.action == StepAction::kRemove || step.action == StepAction::kRemoveDirectory) &&
        !recorded.contains(step.subject))
      paths.push_back(step.subject);
  return paths;
}

}  // namespace rollback
