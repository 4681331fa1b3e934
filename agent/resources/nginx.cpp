// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/resources/kinds.h"
#include "agent/resources/locate.h"
#include "agent/resources/nginx_graph.h"

namespace rollback::kinds {

namespace {

constexpr const char* kProgram = "/usr/sbin/nginx";
constexpr const char* kUnit = "nginx.service";
constexpr std::string_view kPackagedPrefix = "/etc/nginx";
constexpr Duration kDeadline = std::chrono::seconds(30);
constexpr std::string_view kSeverities[] = {"[emerg]", "[alert]", "[crit]", "[error]"};

// "nginx: [emerg] unknown directive ..." -> "unknown directive ..."; "" for other lines.
std::string complaint_in(const std::string& line) {
  for (const auto severity : kSeverities) {
    const auto at = line.find(severity);
    if (at == std::string::npos) continue;
    const auto begin = line.find_first_not_of(' ', at + severity.size());
    return begin == std::string::npos ? line : line.substr(begin);
  }
  return "";
}

// Nearest directory above `path` that is there, unless it is one of the first level ("/srv"), whose
// copy could be of any size.
Result<std::string> existing_parent(const Directory& root, std::string path) {
  while (true) {
    path.resize(path.rfind('/'));
    if (std::count(path.begin(), path.end(), '/') < 2) return std::string();
    ROLLBACK_ASSIGN(const auto stat, find_stat_at(root, path));
    if (stat && stat->type == FileType::kDirectory) return path;
  }
}

class NginxResource final : public Resource {
 public:
  NginxResource(ResourceSpec spec, const Platform& platform)
      : spec_(std::move(spec)), platform_(platform) {}

  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }

  Result<ResourceScope> scope() override {
    ResourceScope scope;
    scope.paths = spec_.paths;
    ROLLBACK_ASSIGN(const auto outside, nginx_references(platform_.root, prefix()));
    scope.paths.insert(scope.paths.end(), outside.begin(), outside.end());
    ROLLBACK_ASSIGN(auto unit, unit_state(platform_.units, kUnit));
    scope.units.push_back(std::move(unit));
    return scope;
  }

  // The prefix; and for files outside it that the target needs and live lacks, the directory they
  // will be in, or nginx would complain about their absence.
  [[nodiscard]] std::vector<std::string> preview_roots(
      const ResourceSnapshot& target) const override {
    std::vector<std::string> roots = {prefix()};
    for (const auto& path : target.paths) {
      if (!path.node || is_within(path.path, prefix())) continue;
      const auto live = find_stat_at(platform_.root, path.path);
      if (live && *live) continue;
      const auto parent = existing_parent(platform_.root, path.path);
      const auto covers = [&](const auto& root) { return is_within(*parent, root); };
      if (parent && !parent->empty() && std::none_of(roots.begin(), roots.end(), covers))
        roots.push_back(*parent);
    }
    return roots;
  }

  // In the host's network: with one of its own nginx refuses to listen on the host's addresses.
  Result<std::vector<Complaint>> validate(const ResourceSnapshot&,
                                          const std::vector<PreviewMount>& mounts) override {
    ProgramRequest request;
    request.argv = {kProgram, "-t"};
    if (prefix() != kPackagedPrefix) {
      request.argv.emplace_back("-c");
      request.argv.push_back(prefix() + "/nginx.conf");
    }
    request.deadline = kDeadline;
    request.read_only_binds = binds_of(mounts);
    request.temporary_file_systems = {"/run", "/var/log/nginx", "/var/lib/nginx"};
    const auto outcome = platform_.programs.run(request);
    if (!outcome) return Failure(outcome.error().within("checking with nginx -t"));
    if (outcome->exit_code == 0) return std::vector<Complaint>{};
    return complaints_in(*outcome);
  }

 private:
  [[nodiscard]] const std::string& prefix() const { return spec_.paths.front(); }

  static std::vector<Complaint> complaints_in(const ProgramOutcome& outcome) {
    std::vector<Complaint> complaints;
    const auto lines = lines_of(outcome.output);
    for (const auto& line : lines)
      if (auto text = complaint_in(line); !text.empty())
        complaints.push_back({"nginx -t: " + text});
    if (!complaints.empty()) return complaints;
    for (const auto& line : lines) complaints.push_back({"nginx -t: " + line});
    if (complaints.empty())
      complaints.push_back({"nginx -t: failed with status " + std::to_string(outcome.exit_code) +
                            " and said nothing"});
    return complaints;
  }

  ResourceSpec spec_;
  Platform platform_;
};

}  // namespace

std::unique_ptr<Resource> make_nginx(const ResourceSpec& spec, const Platform& platform) {
  return std::make_unique<NginxResource>(spec, platform);
}

}  // namespace rollback::kinds
