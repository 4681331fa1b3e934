// SPDX-License-Identifier: Apache-2.0
// A container engine with compose in memory, as its programs show it: one project, whose services
// are those that the compose file names. One thread.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/plan/hook_steps.h"
#include "agent/platform/program_runner.h"
#include "tests/support/temp_directory.h"

namespace rollback {

class FakeDocker {
 public:
  explicit FakeDocker(const TempDirectory& host) : host_(host) {}

  // nullopt: not one of its programs.
  std::optional<Result<ProgramOutcome>> run(const ProgramRequest& request) {
    const auto& argv = request.argv;
    if (argv[0] != "/usr/bin/docker" && argv[0] != "/usr/bin/docker-compose") return std::nullopt;
    if (is_dead) return ProgramOutcome{1, "Cannot connect to the Docker daemon\n", false};
    if (argv[1] == "ps") return ProgramOutcome{0, listing(), false};
    if (argv[1] == "image")
      return images.contains(argv.back()) ? ProgramOutcome{}
                                          : ProgramOutcome{1, "No such image", false};
    if (argv.back() == "config") return config(argv);
    calls.push_back(command_text(argv));
    if (argv[1] == "stop") {
      for (std::size_t i = 2; i < argv.size(); ++i) containers[argv[i].substr(3)] = "exited";
      return ProgramOutcome{};
    }
    if (hangs) return fail(ErrorCode::kTimeout, "killed: not finished in time");
    if (on_up) on_up();
    if (is_dead) return ProgramOutcome{1, "error during connect: EOF\n", false};
    up(argv);
    return ProgramOutcome{};
  }

  std::map<std::string, std::string> containers;  // service -> state
  std::set<std::string> images;
  std::vector<std::string> calls;  // that change something
  std::set<std::string> needed;    // what others depend on: started with them
  std::function<void()> on_up;
  bool is_dead = false;
  bool hangs = false;

 private:
  [[nodiscard]] std::string listing() const {
    std::string text = "WARNING: something that docker says\n";
    for (const auto& [service, state] : containers)
      text += fmt::format("id-{}\tqueue\t{}\tFalse\t{}\tsince a while\n", service, service, state);
    return text;
  }

  // What "-f" names.
  [[nodiscard]] std::string file_of(const std::vector<std::string>& argv) const {
    const auto option = std::find(argv.begin(), argv.end(), "-f");
    return option == argv.end() ? "" : host_.read(std::next(option)->substr(1));
  }

  [[nodiscard]] ProgramOutcome config(const std::vector<std::string>& argv) const {
    const auto text = file_of(argv);
    if (text.find("broken") == std::string::npos) return {0, text, false};
    return {15, "yaml: line 1: broken in " + *std::next(std::find(argv.begin(), argv.end(), "-f")),
            false};
  }

  void up(const std::vector<std::string>& argv) {
    const auto text = file_of(argv);
    std::erase_if(containers, [&](const auto& container) {  // --remove-orphans
      return text.find("  " + container.first + ":") == std::string::npos;
    });
    for (auto word = std::find(argv.begin(), argv.end(), "--no-build") + 1; word != argv.end();
         ++word)
      if (*word != "--pull" && *word != "never")
        containers[*word] = text.find("crashes") == std::string::npos ? "running" : "restarting";
    for (const auto& service : needed) containers[service] = "running";
  }

  const TempDirectory& host_;
};

}  // namespace rollback
