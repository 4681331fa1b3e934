// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "agent/layout.h"
#include "agent/resources/kinds.h"
#include "agent/resources/locate.h"

namespace rollback::kinds {

namespace {

constexpr const char* kVerifier = "/usr/bin/systemd-analyze";
constexpr Duration kDeadline = std::chrono::seconds(30);

// Whether a program of a unit is there is decided by the plan, which may bring it back; the preview
// holds unit files only.
constexpr std::string_view kNotYetThere = " is not executable: ";

bool is_dependency_directory(std::string_view name) {
  return name.ends_with(".wants") || name.ends_with(".requires") || name.ends_with(".upholds");
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class SystemdResource final : public Resource {
 public:
  SystemdResource(ResourceSpec spec, const Platform& platform)
      : spec_(std::move(spec)), platform_(platform) {}

  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }

  Result<ResourceScope> scope() override {
    ResourceScope scope;
    for (const auto& unit : spec_.units) {
      for (auto& path : unit_paths(unit)) scope.paths.push_back(std::move(path));
      ROLLBACK_ASSIGN(auto state, unit_state(platform_.units, unit));
      scope.units.push_back(std::move(state));
    }
    ROLLBACK_ASSIGN(const auto links, links_to_units());
    scope.paths.insert(scope.paths.end(), links.begin(), links.end());
    return scope;
  }

  [[nodiscard]] std::vector<std::string> preview_roots(const ResourceSnapshot&) const override {
    return {std::string(kUnitDirectory)};
  }

  Result<std::vector<Complaint>> validate(const ResourceSnapshot& target,
                                          const std::vector<PreviewMount>& mounts) override {
    const auto units = units_with_a_definition(target);
    if (units.empty()) return std::vector<Complaint>{};
    ProgramRequest request;
    request.argv = {kVerifier, "verify", "--man=no", "--recursive-errors=no", "--"};
    request.argv.insert(request.argv.end(), units.begin(), units.end());
    request.deadline = kDeadline;
    request.read_only_binds = binds_of(mounts);
    request.temporary_file_systems = {"/tmp"};  // its working directory
    const auto outcome = platform_.programs.run(request);
    if (!outcome) return Failure(outcome.error().within("checking with systemd-analyze verify"));
    if (outcome->exit_code == 0) return std::vector<Complaint>{};
    return complaints_in(*outcome, units);
  }

 private:
  [[nodiscard]] bool is_mine(const std::string& unit) const {
    return std::find(spec_.units.begin(), spec_.units.end(), unit) != spec_.units.end();
  }

  // Enablement links and aliases. A link to a template enables the instance that it is named after.
  Result<std::set<std::string>> links_to_units() {
    std::set<std::string> links;
    const std::string base(kUnitDirectory);
    const auto directory = platform_.root.open_directory(base.substr(1), Crossing::kAllow);
    if (!directory && directory.error().code == ErrorCode::kNotFound) return links;
    if (!directory) return Failure(directory.error());
    ROLLBACK_ASSIGN(const auto names, directory->list(""));
    for (const auto& name : names) {
      ROLLBACK_ASSIGN(const auto stat, directory->find_stat(name));
      if (!stat) continue;
      if (stat->type == FileType::kDirectory && is_dependency_directory(name)) {
        ROLLBACK_TRY(add_enablement(*directory, name, links));
      } else if (stat->type == FileType::kSymlink) {
        ROLLBACK_ASSIGN(const auto target, directory->read_link(name));
        if (is_mine(last_part(target))) links.insert(base + "/" + name);
      }
    }
    return links;
  }

  Status add_enablement(const Directory& directory, const std::string& wants,
                        std::set<std::string>& links) {
    for (const auto& unit : spec_.units) {
      ROLLBACK_ASSIGN(const auto stat, directory.find_stat(wants + "/" + unit));
      if (stat) links.insert(std::string(kUnitDirectory) + "/" + wants + "/" + unit);
    }
    return {};
  }

  // Those that exist in the target: a unit without fragment and without vendor's one cannot be
  // checked, and is none either.
  [[nodiscard]] std::vector<std::string> units_with_a_definition(
      const ResourceSnapshot& target) const {
    std::vector<std::string> units;
    for (const auto& state : target.units) {
      const auto own = unit_paths(state.name);
      const bool written = std::any_of(target.paths.begin(), target.paths.end(), [&](auto& path) {
        return path.node && path.node->kind != NodeKind::kDirectory &&
               std::find(own.begin(), own.end(), path.path) != own.end();
      });
      const bool vendor = !state.fragment.empty() && !is_within(state.fragment, kUnitDirectory);
      const bool masked = state.enablement == "masked";
      if ((written || vendor) && !masked && is_mine(state.name)) units.push_back(state.name);
    }
    return units;
  }

  // Lines about other units are printed too, although they do not count.
  static std::vector<Complaint> complaints_in(const ProgramOutcome& outcome,
                                              const std::vector<std::string>& units) {
    std::vector<Complaint> about_units;
    std::vector<Complaint> others;
    for (const auto& line : lines_of(outcome.output)) {
      if (line.find(kNotYetThere) != std::string::npos) continue;
      const bool named = std::any_of(units.begin(), units.end(), [&](const auto& unit) {
        const auto general = template_of(unit);
        return line.find(unit) != std::string::npos ||
               (!general.empty() && line.find(general) != std::string::npos);
      });
      (named ? about_units : others).push_back({"systemd-analyze verify: " + line});
    }
    if (!about_units.empty()) return about_units;
    if (others.empty() && outcome.output.empty())
      others.push_back({"systemd-analyze verify: failed with status " +
                        std::to_string(outcome.exit_code) + " and said nothing"});
    return others;
  }

  ResourceSpec spec_;
  Platform platform_;
};

}  // namespace

std::unique_ptr<Resource> make_systemd(const ResourceSpec& spec, const Platform& platform) {
  return std::make_unique<SystemdResource>(spec, platform);
}

}  // namespace rollback::kinds
