// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>

#include "agent/grammar.h"
#include "agent/layout.h"
#include "agent/resources/compose_engine.h"
#include "agent/resources/compose_env.h"
#include "agent/resources/kinds.h"
#include "agent/resources/locate.h"

namespace rollback::kinds {

namespace {

constexpr std::size_t kLargestComposeFile = 4 * 1024 * 1024;

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// The files of a project that its engine reads: compose files, .env, and env files inside the
// project. Never data directories. And which of its services run.
class ComposeResource final : public Resource {
 public:
  ComposeResource(ResourceSpec spec, const Platform& platform)
      : spec_(std::move(spec)), root_(platform.root), programs_(platform.programs) {}

  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }

  Result<ResourceScope> scope() override {
    const auto candidates = compose_candidates(project());
    std::set<std::string> paths(candidates.begin(), candidates.end());
    for (const auto& file : candidates)
      if (!file.ends_with("/.env")) add_env_files(file, paths);
    ResourceScope scope{{paths.begin(), paths.end()}, {}, {}};
    ROLLBACK_ASSIGN(const auto containers, reader().containers(project()));
    scope.services = running_services(containers);
    if (!containers.empty()) scope.facts.push_back({kProjectFact, containers.front().project});
    return scope;
  }

  // Files alone are checked by nobody: they may be of a host without an engine.
  [[nodiscard]] std::vector<std::string> preview_roots(
      const ResourceSnapshot& target) const override {
    return target.services.empty() ? std::vector<std::string>{} : spec_.paths;
  }
  [[nodiscard]] bool preview_links_to_live() const override { return true; }

  // require_for() does it: what compose does not accept does not come up, whatever live is.
  Result<std::vector<Complaint>> validate(const ResourceSnapshot&,
                                          const std::vector<PreviewMount>&) override {
    return std::vector<Complaint>{};
  }

  // An image that is not here would have to come from a registry, which nobody can promise.
  Result<std::vector<std::string>> require_for(const ResourceSnapshot& target,
                                               const std::vector<PreviewMount>& mounts) override {
    std::vector<std::string> doubts;
    if (target.services.empty()) return doubts;
    auto docker = reader();
    if (!docker.is_installed())
      return fail(ErrorCode::kConflict, "compose/" + spec_.name + " ran with this release, and " +
                                            "this host has no docker");
    ROLLBACK_ASSIGN(const auto images, images_of(docker, mounts));
    for (const auto& service : target.services) {
      const auto found = images.find(service);
      if (found == images.end())
        return fail(ErrorCode::kConflict,
                    "the service " + service + " ran with this release, and its compose files in " +
                        project() +
                        " do not name it; if it needs a profile, set COMPOSE_PROFILES "
                        "in " +
                        project() + "/.env");
      ROLLBACK_TRY(require_image(docker, service, found->second, name_in(target)));
      if (!found->second.empty() && found->second.find("@sha256:") == std::string::npos)
        doubts.push_back("the image " + found->second + " of service " + service +
                         " is named by a tag, which may have moved since");
    }
    return doubts;
  }

 private:
  [[nodiscard]] const std::string& project() const { return spec_.paths.front(); }
  ComposeReader reader() { return {root_, programs_}; }
  // As compose understands the copy, or what is live.
  Result<std::map<std::string, std::string>> images_of(ComposeReader& docker,
                                                       const std::vector<PreviewMount>& mounts) {
    const auto& place = mounts.empty() ? project() : mounts.front().source;
    const auto config = docker.config(place);
    if (config) return images_in(*config);
    auto text = config.error().message;
    replace_all(text, place, project());
    return fail(ErrorCode::kConflict, "compose config of " + project() + ": " + text);
  }
  [[nodiscard]] std::string name_in(const ResourceSnapshot& target) const {
    for (const auto& fact : target.facts)
      if (fact.name == kProjectFact) return fact.value;
    return project().substr(project().rfind('/') + 1);
  }

  Status require_image(ComposeReader& docker, const std::string& service, const std::string& image,
                       const std::string& name) {
    // Of one that is built, compose makes the name: v2 with '-', v1 with '_'.
    const auto names = image.empty()
                           ? std::vector<std::string>{name + "-" + service, name + "_" + service}
                           : std::vector<std::string>{image};
    for (const auto& candidate : names) {
      ROLLBACK_ASSIGN(const bool there, docker.has_image(candidate));
      if (there) return {};
    }
    return fail(ErrorCode::kConflict, "the image " + names.front() + " of service " + service +
                                          " of " + project() +
                                          " is not on this host; pull, build or load it first");
  }

  void add_env_files(const std::string& compose_file, std::set<std::string>& paths) {
    const auto text = read_located(root_, compose_file, kLargestComposeFile);
    if (!text) return;  // absent, or a link: then the link alone is recorded
    for (auto file : env_files_in(*text)) {
      if (file.find('$') != std::string::npos) continue;
      while (file.starts_with("./")) file.erase(0, 2);
      const auto path = file.starts_with('/') ? file : project() + "/" + file;
      if (check_managed_path(path) && is_within(path, project()) && path != project())
        paths.insert(path);
    }
  }

  ResourceSpec spec_;
  const Directory& root_;
  ProgramRunner& programs_;
};

}  // namespace

std::unique_ptr<Resource> make_compose(const ResourceSpec& spec, const Platform& platform) {
  return std::make_unique<ComposeResource>(spec, platform);
}

}  // namespace rollback::kinds
