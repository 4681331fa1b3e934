// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "agent/grammar.h"
#include "agent/layout.h"
#include "agent/resources/compose_env.h"
#include "agent/resources/kinds.h"
#include "agent/resources/locate.h"

namespace rollback::kinds {

namespace {

constexpr std::size_t kLargestComposeFile = 4 * 1024 * 1024;

// The files of a project that its engine reads: compose files, .env, and env files inside the
// project. Never data directories.
class ComposeResource final : public Resource {
 public:
  ComposeResource(ResourceSpec spec, const Platform& platform)
      : spec_(std::move(spec)), root_(platform.root) {}

  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }

  Result<ResourceScope> scope() override {
    const auto candidates = compose_candidates(project());
    std::set<std::string> paths(candidates.begin(), candidates.end());
    for (const auto& file : candidates)
      if (!file.ends_with("/.env")) add_env_files(file, paths);
    return ResourceScope{{paths.begin(), paths.end()}, {}, {}};
  }

  [[nodiscard]] std::vector<std::string> preview_roots(const ResourceSnapshot&) const override {
    return {};
  }

  Result<std::vector<Complaint>> validate(const ResourceSnapshot&,
                                          const std::vector<PreviewMount>&) override {
    return std::vector<Complaint>{};
  }

 private:
  [[nodiscard]] const std::string& project() const { return spec_.paths.front(); }

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
};

}  // namespace

std::unique_ptr<Resource> make_compose(const ResourceSpec& spec, const Platform& platform) {
  return std::make_unique<ComposeResource>(spec, platform);
}

}  // namespace rollback::kinds
