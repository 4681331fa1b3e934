// SPDX-License-Identifier: Apache-2.0
// Runs a program by argv, never through a shell, with one total deadline and bounded output.
// Only rollbackctl and tests start programs themselves; the agent's external programs run in
// transient units (agent/platform/transient_unit.h).
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace rollback {

struct ProcessOutcome {
  int exit_code = 0;       // 128 + signal when killed by one
  std::string output;      // stdout and stderr as they came, at most `max_output` bytes
  bool truncated = false;  // there was more output than that
};

struct ProcessRequest {
  std::vector<std::string> argv;  // argv[0] is an absolute path
  Duration deadline = std::chrono::seconds(10);
  std::size_t max_output = 64 * 1024;
};

// kTimeout: the deadline passed and the whole process group was killed. kNotFound: no such program.
Result<ProcessOutcome> run_process(const ProcessRequest& request);

}  // namespace rollback
