// SPDX-License-Identifier: Apache-2.0
// Compose projects as the rest of the agent sees them: what asks, and what changes. Programs of the
// host do the work, each in a transient unit with a deadline: `docker` for containers, and what it
// has of compose (the v2 plugin, or docker-compose) for projects. Containers of podman would be
// children of the unit, with its limits, so podman is not asked. Used by the run thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/platform/program_runner.h"
#include "core/fs/directory.h"

namespace rollback {

struct ProjectContainer {
  std::string id;
  std::string project;
  std::string service;
  std::string state;   // "running", "exited", "restarting", ...
  std::string status;  // "Up 3 seconds (healthy)"

  // Also one that is paused or being restarted: somebody wants it to run.
  [[nodiscard]] bool runs() const;
  [[nodiscard]] bool is_up() const;  // runs now, and nothing says that it is not healthy
};

class ComposeReader {
 public:
  // `root` is "/", or where a test has its programs; both outlive the object.
  ComposeReader(const Directory& root, ProgramRunner& programs);

  // Without an engine's programs a project is its files.
  [[nodiscard]] bool is_installed() const { return !engine_.empty(); }
  // Of the project in that directory, by the labels that compose gives them; no file is read. None
  // when nothing is installed. kConflict when the engine does not answer.
  Result<std::vector<ProjectContainer>> containers(const std::string& directory);
  // The configuration of the project as compose understands it. kInvalid with what it complains of.
  Result<std::string> config(const std::string& directory);
  Result<bool> has_image(const std::string& image);

 protected:
  enum class Flavour { kPlugin, kDockerCompose };

  std::vector<std::string> project_argv(const std::string& directory) const;
  [[nodiscard]] const std::string& engine() const noexcept { return engine_; }
  [[nodiscard]] Flavour flavour() const noexcept { return flavour_; }

 private:
  [[nodiscard]] std::vector<std::string> files_of(const std::string& directory) const;
  Result<ProgramOutcome> run(std::vector<std::string> argv);

  const Directory& root_;
  ProgramRunner& programs_;
  std::string engine_;                // docker's program
  std::vector<std::string> compose_;  // program, and the word that makes it compose
  Flavour flavour_ = Flavour::kPlugin;
};

class ComposeEngine final : public ComposeReader {
 public:
  ComposeEngine(const Directory& root, ChangeRunner& programs)
      : ComposeReader(root, programs), changes_(programs) {}

  // Starts these services and what they depend on with the files that are there; removes containers
  // of services that those do not have. Nothing is pulled or built.
  Status up(const std::string& directory, const std::string& project,
            const std::vector<std::string>& services, Duration deadline);
  // Containers of the project in that directory. They stay, stopped, with all their data.
  Status stop(const std::string& directory, const std::vector<std::string>& ids, Duration deadline);

 private:
  Status must(const std::string& what, std::vector<std::string> argv, Duration deadline);

  ChangeRunner& changes_;
};

// Names of the services that have a container which runs, sorted.
std::vector<std::string> running_services(const std::vector<ProjectContainer>& containers);

// Why these services are not all up, one line for each that is not.
std::vector<std::string> why_down(const std::string& directory,
                                  const std::vector<ProjectContainer>& containers,
                                  const std::vector<std::string>& services);

// Service -> image in what compose prints of its configuration; "" where it is built. Pure.
std::map<std::string, std::string> images_in(std::string_view config);

}  // namespace rollback
