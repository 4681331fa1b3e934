// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/compose_engine.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "agent/platform/printable.h"
#include "agent/resources/locate.h"

namespace rollback {

namespace {

constexpr Duration kAnswer = std::chrono::seconds(30);  // of questions; an engine may be starting
constexpr std::size_t kLargestAnswer = 1 << 20U;
constexpr std::size_t kLongestLine = 512;
constexpr std::size_t kToldLines = 3;  // of what compose complains of
constexpr std::array<std::string_view, 2> kPrograms = {"/usr/bin/", "/usr/local/bin/"};
constexpr std::array<std::string_view, 4> kPlugins = {
    "/usr/libexec/docker/cli-plugins/", "/usr/lib/docker/cli-plugins/",
    "/usr/local/lib/docker/cli-plugins/", "/usr/local/libexec/docker/cli-plugins/"};
// Fields of `ps`.
constexpr const char* kFormat =
    "{{.ID}}\t{{.Label \"com.docker.compose.project\"}}\t"
    "{{.Label \"com.docker.compose.service\"}}\t{{.Label \"com.docker.compose.oneoff\"}}\t"
    "{{.State}}\t{{.Status}}";
constexpr std::size_t kFields = 6;

bool is_there(const Directory& root, const std::string& path) {
  const auto stat = find_stat_at(root, path);
  return stat && *stat;
}

// The program of that name, or "".
template <typename Places>
std::string find_program(const Directory& root, const Places& places, std::string_view name) {
  for (const auto place : places)
    if (auto path = std::string(place) + std::string(name); is_there(root, path)) return path;
  return "";
}

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    const auto tab = line.find('\t');
    fields.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

std::string last_line(const ProgramOutcome& outcome) {
  const auto lines = last_lines(outcome.output, 1, kLongestLine);
  return lines.empty() ? "it ended with " + std::to_string(outcome.exit_code) : lines.front();
}

Result<ProgramRequest> request_of(std::vector<std::string> argv, Duration deadline) {
  if (argv.front().empty() || !argv.front().starts_with('/'))
    return fail(ErrorCode::kNotFound,
                "this host has no compose: install docker's compose plugin or docker-compose");
  ProgramRequest request;
  request.argv = std::move(argv);
  request.deadline = deadline;
  request.max_output = kLargestAnswer;
  return request;
}

}  // namespace

bool ProjectContainer::runs() const {
  return state == "running" || state == "restarting" || state == "paused";
}

bool ProjectContainer::is_up() const {
  return state == "running" && status.find("(unhealthy)") == std::string::npos &&
         status.find("(health: starting)") == std::string::npos;
}

ComposeReader::ComposeReader(const Directory& root, ProgramRunner& programs)
    : root_(root), programs_(programs) {
  engine_ = find_program(root, kPrograms, "docker");
  if (!find_program(root, kPlugins, "docker-compose").empty()) {
    compose_ = {engine_, "compose"};
    return;
  }
  flavour_ = Flavour::kDockerCompose;
  compose_ = {find_program(root, kPrograms, "docker-compose")};
}

Result<std::vector<ProjectContainer>> ComposeReader::containers(const std::string& directory) {
  std::vector<ProjectContainer> found;
  if (!is_installed()) return found;
  const auto label = "label=com.docker.compose.project.working_dir=" + directory;
  const auto listed =
      run({engine_, "ps", "--all", "--no-trunc", "--filter", label, "--format", kFormat});
  const bool answers = listed && listed->exit_code == 0;
  if (!answers || listed->truncated)
    return fail(ErrorCode::kConflict,
                "the containers of " + directory + " are not known, because " + engine_ +
                    " does not answer: " + (listed ? last_line(*listed) : listed.error().message));
  for (std::string_view rest(listed->output); !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto fields = fields_of(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (fields.size() != kFields || fields[3] == "True") continue;  // `compose run` is nobody's
    found.push_back({fields[0], fields[1], fields[2], fields[4], fields[5]});
  }
  return found;
}

// What compose finds by itself. It is told, because what it takes for the project's directory when
// it is not called in there differs between its kinds.
std::vector<std::string> ComposeReader::files_of(const std::string& directory) const {
  std::vector<std::string> stems = {"compose", "docker-compose"};
  std::vector<std::string> suffixes = {".yaml", ".yml"};
  if (flavour_ == Flavour::kDockerCompose) {
    std::reverse(stems.begin(), stems.end());
    std::reverse(suffixes.begin(), suffixes.end());
  }
  std::vector<std::string> files;
  for (const auto* const kind : {"", ".override"}) {
    const auto wanted = files.size() + 1;
    for (const auto& stem : stems)
      for (const auto& suffix : suffixes)
        if (auto file = directory + "/" + stem + kind + suffix;
            files.size() < wanted && is_there(root_, file))
          files.push_back(std::move(file));
  }
  return files;
}

std::vector<std::string> ComposeReader::project_argv(const std::string& directory) const {
  auto argv = compose_;
  argv.insert(argv.end(), {"--project-directory", directory});
  for (auto& file : files_of(directory)) argv.insert(argv.end(), {"-f", std::move(file)});
  return argv;
}

Result<std::string> ComposeReader::config(const std::string& directory) {
  auto argv = project_argv(directory);
  argv.emplace_back("config");
  ROLLBACK_ASSIGN(const auto outcome, run(std::move(argv)));
  if (outcome.truncated)
    return fail(ErrorCode::kInvalid,
                "it is larger than " + std::to_string(kLargestAnswer >> 10U) + " KiB");
  if (outcome.exit_code == 0) return outcome.output;
  std::string text;
  for (const auto& line : last_lines(outcome.output, kToldLines, kLongestLine))
    text += (text.empty() ? "" : "; ") + line;
  return fail(ErrorCode::kInvalid, text.empty() ? last_line(outcome) : text);
}

Result<bool> ComposeReader::has_image(const std::string& image) {
  ROLLBACK_ASSIGN(const auto outcome,
                  run({engine_, "image", "inspect", "--format", "{{.Id}}", image}));
  return outcome.exit_code == 0;
}

Result<ProgramOutcome> ComposeReader::run(std::vector<std::string> argv) {
  ROLLBACK_ASSIGN(auto request, request_of(std::move(argv), kAnswer));
  request.read_only_root = false;  // it keeps its configuration in files
  return programs_.run(request);
}

Status ComposeEngine::up(const std::string& directory, const std::string& project,
                         const std::vector<std::string>& services, Duration deadline) {
  auto argv = project_argv(directory);
  if (!project.empty()) argv.insert(argv.end(), {"-p", project});
  argv.insert(argv.end(), {"up", "-d", "--remove-orphans", "--no-build"});
  if (flavour() == Flavour::kPlugin) argv.insert(argv.end(), {"--pull", "never"});
  argv.insert(argv.end(), services.begin(), services.end());
  return must("bring " + directory + " up", std::move(argv), deadline);
}

Status ComposeEngine::stop(const std::string& directory, const std::vector<std::string>& ids,
                           Duration deadline) {
  if (ids.empty()) return {};
  std::vector<std::string> argv = {engine(), "stop"};
  argv.insert(argv.end(), ids.begin(), ids.end());
  return must("stop containers of " + directory, std::move(argv), deadline);
}

Status ComposeEngine::must(const std::string& what, std::vector<std::string> argv,
                           Duration deadline) {
  auto request = request_of(std::move(argv), deadline);
  if (!request) return Failure(request.error().within(what));
  const auto outcome = changes_.change(*std::move(request));
  if (!outcome) return Failure(outcome.error().within(what));
  if (outcome->exit_code == 0) return {};
  return fail(ErrorCode::kIo, what + ": " + last_line(*outcome));
}

std::vector<std::string> running_services(const std::vector<ProjectContainer>& containers) {
  std::set<std::string> names;
  for (const auto& container : containers)
    if (container.runs()) names.insert(container.service);
  return {names.begin(), names.end()};
}

std::vector<std::string> why_down(const std::string& directory,
                                  const std::vector<ProjectContainer>& containers,
                                  const std::vector<std::string>& services) {
  std::vector<std::string> lines;
  for (const auto& service : services) {
    bool up = false;
    const ProjectContainer* other = nullptr;  // one that should run rather than one that is left
    for (const auto& container : containers) {
      if (container.service != service) continue;
      if (container.is_up())
        up = true;
      else if (container.runs() || other == nullptr)
        other = &container;
    }
    if (up && (other == nullptr || !other->runs())) continue;
    lines.push_back("service " + service + " of " + directory +
                    (other == nullptr ? " has no container"
                                      : " is " + other->state + ": " +
                                            printable_line(other->status, kLongestLine)));
  }
  return lines;
}

std::map<std::string, std::string> images_in(std::string_view config) {
  std::map<std::string, std::string> images;
  bool services = false;
  std::string service;
  while (!config.empty()) {
    const auto end = std::min(config.find('\n'), config.size());
    auto line = config.substr(0, end);
    config.remove_prefix(std::min(end + 1, config.size()));
    const auto indent = line.find_first_not_of(' ');
    if (indent == std::string_view::npos || line[indent] == '#') continue;
    line.remove_prefix(indent);
    if (indent == 0) services = line == "services:";
    if (!services) continue;
    if (indent == 2 && line.ends_with(':')) {
      service = line.substr(0, line.size() - 1);
      images[service];
    } else if (indent == 4 && line.starts_with("image: ") && !service.empty()) {
      auto image = line.substr(7);
      if (image.size() > 2 && (image.front() == '"' || image.front() == '\''))
        image = image.substr(1, image.size() - 2);
      images[service] = image;
    }
  }
  return images;
}

}  // namespace rollback
