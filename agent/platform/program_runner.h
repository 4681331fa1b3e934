// SPDX-License-Identifier: Apache-2.0
// How the agent runs programs that are not its own, by argv, each in a transient systemd unit with
// its own limits and one deadline: those that ask (validators, exec probes, version commands), and
// those that change the host (hooks, what starts and stops containers).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace rollback {

struct ProgramRequest {
  std::vector<std::string> argv;  // argv[0] absolute
  Duration deadline = std::chrono::seconds(10);
  std::size_t max_output = 64 * 1024;
  std::vector<std::pair<std::string, std::string>> read_only_binds;  // source -> destination
  // Empty and writable: "/run". systemd-analyze verify needs "/tmp" under a read-only root.
  std::vector<std::string> temporary_file_systems;
  bool read_only_root = true;  // ProtectSystem=strict; never of a change
};

struct ProgramOutcome {
  int exit_code = 0;   // 128 + signal when killed by one
  std::string output;  // stdout and stderr, bounded
  bool truncated = false;
};

class ProgramRunner {
 public:
  virtual ~ProgramRunner() = default;
  // Of one that changes nothing: it may run a second time when it could not be watched to its end.
  // kTimeout: killed at the deadline. kNotFound: no such program.
  virtual Result<ProgramOutcome> run(const ProgramRequest& request) = 0;
};

class ChangeRunner : public ProgramRunner {
 public:
  // At most once, with a root that can be written. Errors as of run().
  virtual Result<ProgramOutcome> change(ProgramRequest request) = 0;
};

}  // namespace rollback
