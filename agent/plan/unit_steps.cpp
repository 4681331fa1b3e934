// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/unit_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "agent/layout.h"

namespace rollback {

namespace {

struct UnitView {
  std::optional<UnitState> live;
  std::optional<UnitState> target;
  std::string resource;
  bool nginx = false;   // belongs to an nginx resource: reloaded, and last
  std::string restart;  // why; "" no restart
  std::string reload;   // why; "" no reload
  bool fragment_goes = false;
};

std::string resource_name(const ResourceSnapshot& resource) {
  return fmt::format("{}/{}", to_string(resource.kind), resource.name);
}
std::string resource_name(const ResourceSpec& spec) {
  return fmt::format("{}/{}", to_string(spec.kind), spec.name);
}

std::set<std::string> uses_of(const UnitView& view) {
  std::set<std::string> uses;
  for (const auto& state : {view.live, view.target})
    if (state) uses.insert(state->uses.begin(), state->uses.end());
  return uses;
}

class UnitPlanner {
 public:
  explicit UnitPlanner(const UnitInput& input) : input_(input) {}

  UnitSteps run() {
    collect();
    for (const auto& file : input_.files)
      for (const auto& name : order_) judge(name, units_[name], file);
    for (const auto& name : order_) add_stop(name, units_[name]);
    std::reverse(result_.quiesce.begin(), result_.quiesce.end());  // users before what they use
    add_daemon_reload();
    for (const auto& name : order_) add_start(name, units_[name]);
    for (const auto& name : order_) add_reload(name, units_[name]);
    return std::move(result_);
  }

 private:
  UnitView& know(const std::string& unit, const std::string& resource) {
    const auto [found, is_new] = units_.try_emplace(unit);
    if (is_new) {
      order_.push_back(unit);
      found->second.resource = resource;
    }
    return found->second;
  }

  // In the order of the configuration.
  void collect() {
    for (const auto& spec : input_.specs) {
      const auto name = resource_name(spec);
      for (const auto* state : {&input_.target, &input_.live})
        for (const auto& resource : state->snapshot.resources)
          if (resource_name(resource) == name) collect_states(resource, state == &input_.live);
      if (spec.kind == ResourceKind::kNginx)
        for (const auto& unit : nginx_units(input_.live, input_.target, spec)) {
          auto& view = know(unit, name);
          view.nginx = view.resource == name;
        }
      for (const auto& unit : spec.restart_on) know(unit, name);
      for (const auto& unit : spec.reload_on) know(unit, name);
    }
  }

  void collect_states(const ResourceSnapshot& resource, bool live) {
    for (const auto& state : resource.units) {
      auto& view = know(state.name, resource_name(resource));
      (live ? view.live : view.target) = state;
      // A unit that is managed as such is restarted for its own files, also nginx.service.
      if (resource.kind == ResourceKind::kSystemd) view.resource = resource_name(resource);
    }
  }

  void judge(const std::string& name, UnitView& view, const PlanStep& file) {
    const auto& path = file.subject;
    std::string why = own_file(name, view, file);
    if (why.empty() && file.action != StepAction::kDirectoryMetadata) why = used_file(view, path);
    if (why.empty() && names_unit(file.resource, name, &ResourceSpec::restart_on))
      why = file.resource + " changes (restart_on)";
    if (!why.empty() && view.restart.empty()) view.restart = std::move(why);
    if (!view.reload.empty()) return;
    if (view.nginx && file.resource == view.resource)
      view.reload = "its configuration " + path + " changes";
    else if (names_unit(file.resource, name, &ResourceSpec::reload_on))
      view.reload = file.resource + " changes (reload_on)";
  }

  static std::string own_file(const std::string& name, UnitView& view, const PlanStep& file) {
    const auto& path = file.subject;
    std::set<std::string> fragments{fmt::format("{}/{}", kUnitDirectory, name)};
    for (const auto& state : {view.live, view.target})
      if (state && !state->fragment.empty()) fragments.insert(state->fragment);
    std::set<std::string> drop_ins{fmt::format("{}/{}.d", kUnitDirectory, name)};
    if (const auto general = template_of(name); !general.empty()) {
      fragments.insert(fmt::format("{}/{}", kUnitDirectory, general));
      drop_ins.insert(fmt::format("{}/{}.d", kUnitDirectory, general));
    }
    if (fragments.contains(path)) {
      view.fragment_goes |= file.action == StepAction::kRemove;
      return "its unit file " + path + " changes";
    }
    for (const auto& directory : drop_ins)
      if (path != directory && is_within(path, directory))
        return "its drop-in " + path + " changes";
    return "";
  }

  static std::string used_file(const UnitView& view, const std::string& path) {
    // Below counts too: a switch link (/opt/shop/current) may lead to the program.
    for (const auto& used : uses_of(view))
      if (is_within(used, path)) return fmt::format("{}, which it uses, changes", path);
    return "";
  }

  bool names_unit(const std::string& resource, const std::string& unit,
                  std::vector<std::string> ResourceSpec::*list) const {
    for (const auto& spec : input_.specs) {
      const auto& units = spec.*list;
      if (resource_name(spec) == resource &&
          std::find(units.begin(), units.end(), unit) != units.end())
        return true;
    }
    return false;
  }

  // What nobody recorded is as it should be.
  static bool was_active(const UnitView& view) { return !view.live || view.live->active; }
  static bool shall_be_active(const UnitView& view) {
    if (view.target) return view.target->active;
    return !view.fragment_goes && was_active(view);
  }
  static bool restarts(const UnitView& view) { return !view.restart.empty(); }

  void add_stop(const std::string& name, const UnitView& view) {
    if (!was_active(view)) return;
    if (!shall_be_active(view)) {
      const auto why = fmt::format("{} has it stopped", input_.to);
      result_.quiesce.push_back(
          {StepPhase::kQuiesce, StepAction::kStopUnit, name, view.resource, why, "start it again"});
    } else if (restarts(view)) {
      result_.quiesce.push_back({StepPhase::kQuiesce, StepAction::kStopUnit, name, view.resource,
                                 view.restart, "start it again"});
    }
  }

  void add_daemon_reload() {
    for (const auto& file : input_.files) {
      if (!is_within(file.subject, "/etc/systemd")) continue;
      result_.activate.push_back({StepPhase::kActivate, StepAction::kDaemonReload, "systemd",
                                  file.resource, file.subject + " changes", "daemon-reload again"});
      return;
    }
  }

  std::vector<PlanStep>& steps_of(const UnitView& view) {
    return view.nginx ? result_.nginx : result_.activate;
  }

  void add_start(const std::string& name, const UnitView& view) {
    if (!shall_be_active(view)) return;
    if (was_active(view) && !restarts(view)) return;
    const auto why =
        was_active(view) ? view.restart : fmt::format("it does not run, in {} it does", input_.to);
    steps_of(view).push_back(
        {StepPhase::kActivate, StepAction::kStartUnit, name, view.resource, why, "stop it"});
  }

  void add_reload(const std::string& name, const UnitView& view) {
    if (view.reload.empty() || restarts(view)) return;
    if (!was_active(view) || !shall_be_active(view)) return;
    steps_of(view).push_back({StepPhase::kActivate, StepAction::kReloadUnit, name, view.resource,
                              view.reload, "reload it again"});
  }

  const UnitInput& input_;
  std::map<std::string, UnitView> units_;
  std::vector<std::string> order_;
  UnitSteps result_;
};

}  // namespace

std::vector<std::string> nginx_units(const HostState& live, const HostState& target,
                                     const ResourceSpec& spec) {
  std::set<std::string> names;
  for (const auto* state : {&live, &target})
    for (const auto& resource : state->snapshot.resources)
      if (resource.kind == ResourceKind::kNginx && resource.name == spec.name)
        for (const auto& unit : resource.units) names.insert(unit.name);
  if (names.empty()) names.insert("nginx.service");
  return {names.begin(), names.end()};
}

UnitSteps plan_units(const UnitInput& input) { return UnitPlanner(input).run(); }

}  // namespace rollback
