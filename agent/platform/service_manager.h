// SPDX-License-Identifier: Apache-2.0
// systemd as the rest of the agent sees it: what asks, and what changes. One object per thread
// (each has its own bus connection).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace rollback {

struct UnitInfo {
  std::string name;
  std::string load_state;    // "loaded", "not-found", "bad-setting", "masked"
  std::string active_state;  // "active", "inactive", "failed", "activating", ...
  std::string sub_state;
  std::string unit_file_state;  // "enabled", "disabled", "static", ...; "" without a file
  std::string fragment_path;
  std::vector<std::string> drop_in_paths;
  std::vector<std::string> uses;  // absolute program and EnvironmentFile paths, sorted, unique
  std::string invocation_id;      // hex; "" when it never ran
  std::string kill_mode;  // "control-group", "mixed", "process", "none"; "" of what has none
  std::uint32_t main_pid = 0;
  std::uint32_t restarts = 0;  // NRestarts
  std::string result;          // "success", "exit-code", "timeout", ...
  int exit_status = 0;         // ExecMainStatus
  bool need_daemon_reload = false;
};

// "active (running)", "failed (failed), result exit-code, exit status 1", "not-found": for reports.
std::string describe_state(const UnitInfo& unit);

constexpr Duration kUnitAnswer = std::chrono::seconds(25);  // PID 1 may be reloading

class UnitReader {
 public:
  virtual ~UnitReader() = default;
  // An unknown unit has load_state "not-found"; that is no error. kTimeout: no answer within
  // `deadline`, whatever it takes to reach systemd.
  virtual Result<UnitInfo> unit(const std::string& name, Duration deadline = kUnitAnswer) = 0;
  // Loaded units whose files changed since systemd read them, sorted.
  virtual Result<std::vector<std::string>> outdated_units(Duration deadline) = 0;
  // The last lines of the unit's log, oldest first, printable, each at most 512 bytes.
  virtual Result<std::vector<std::string>> log_tail(const std::string& unit, std::size_t lines) = 0;
};

class ServiceManager : public UnitReader {
 public:
  // Each waits for its job's result; kTimeout cancels the job. A failed job is kIo and names the
  // unit, its result and exit status.
  virtual Status start(const std::string& unit, Duration deadline) = 0;
  virtual Status stop(const std::string& unit, Duration deadline) = 0;
  virtual Status reload(const std::string& unit, Duration deadline) = 0;
  // SIGKILL for what systemd itself would kill behind TimeoutStopSec=, by the unit's KillMode=.
  virtual Status kill(const std::string& unit) = 0;
  virtual Status reset_failed(
      const std::string& unit) = 0;  // success when there is nothing to reset
  virtual Status daemon_reload(Duration deadline) = 0;
};

}  // namespace rollback
