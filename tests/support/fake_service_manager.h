// SPDX-License-Identifier: Apache-2.0
// systemd in memory: units with states, and a record of what was asked of them. One thread.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/platform/service_manager.h"

namespace rollback {

class FakeServiceManager final : public ServiceManager {
 public:
  // A loaded, running unit; change it freely.
  UnitInfo& add(const std::string& name) {
    UnitInfo& info = units_[name];
    info.name = name;
    info.load_state = "loaded";
    info.unit_file_state = "enabled";
    info.fragment_path = "/etc/systemd/system/" + name;
    info.result = "success";
    begin_run(info);
    return info;
  }
  UnitInfo& at(const std::string& name) { return units_.at(name); }
  void remove(const std::string& name) { units_.erase(name); }
  // What systemd does to a unit with Restart=always whose process died.
  void crash_and_restart(const std::string& name) {
    begin_run(at(name));
    ++at(name).restarts;
  }
  void fail_unit(const std::string& name, int exit_status) {
    UnitInfo& info = at(name);
    info.active_state = "failed";
    info.sub_state = "failed";
    info.result = "exit-code";
    info.exit_status = exit_status;
    info.main_pid = 0;
  }

  std::vector<std::string> calls;                        // "start shop.service", "daemon-reload"
  std::map<std::string, std::vector<std::string>> logs;  // oldest first
  std::set<std::string> broken;                          // start and reload of these fail
  bool bus_is_gone = false;                              // everything fails
  Duration unit_deadline{};                              // of the last question for a unit

  Result<UnitInfo> unit(const std::string& name, Duration deadline = kUnitAnswer) override {
    unit_deadline = deadline;
    if (bus_is_gone) return gone();
    const auto found = units_.find(name);
    if (found != units_.end()) return found->second;
    UnitInfo info;
    info.name = name;
    info.load_state = "not-found";
    info.active_state = "inactive";
    info.sub_state = "dead";
    return info;
  }
  Status start(const std::string& name, Duration /*deadline*/) override {
    calls.push_back("start " + name);
    if (bus_is_gone) return gone();
    if (!units_.contains(name))
      return fail(ErrorCode::kNotFound, "start " + name + ": no such unit");
    if (broken.contains(name)) {
      fail_unit(name, 1);
      return fail(ErrorCode::kIo, "start " + name + ": " + describe_state(at(name)));
    }
    if (at(name).active_state != "active") begin_run(at(name));
    return {};
  }
  Status stop(const std::string& name, Duration /*deadline*/) override {
    calls.push_back("stop " + name);
    if (bus_is_gone) return gone();
    if (!units_.contains(name))
      return fail(ErrorCode::kNotFound, "stop " + name + ": no such unit");
    at(name).active_state = "inactive";
    at(name).sub_state = "dead";
    at(name).main_pid = 0;
    return {};
  }
  Status reload(const std::string& name, Duration /*deadline*/) override {
    calls.push_back("reload " + name);
    if (bus_is_gone) return gone();
    if (broken.contains(name) || !units_.contains(name) || at(name).active_state != "active")
      return fail(ErrorCode::kIo, "reload " + name + ": the job ended with 'failed'");
    return {};
  }
  Status kill(const std::string& name) override {
    calls.push_back("kill " + name);
    return bus_is_gone ? Status(gone()) : Status();
  }
  Status reset_failed(const std::string& name) override {
    calls.push_back("reset-failed " + name);
    if (bus_is_gone) return gone();
    if (!units_.contains(name) || at(name).active_state != "failed") return {};
    at(name).active_state = "inactive";
    at(name).sub_state = "dead";
    at(name).result = "success";
    return {};
  }
  Status daemon_reload(Duration /*deadline*/) override {
    calls.emplace_back("daemon-reload");
    if (bus_is_gone) return gone();
    for (auto& [name, info] : units_) info.need_daemon_reload = false;
    return {};
  }
  Result<std::vector<std::string>> outdated_units(Duration /*deadline*/) override {
    if (bus_is_gone) return gone();
    std::vector<std::string> outdated;
    for (const auto& [name, info] : units_)
      if (info.need_daemon_reload) outdated.push_back(name);
    return outdated;
  }
  Result<std::vector<std::string>> log_tail(const std::string& name, std::size_t lines) override {
    const auto& log = logs[name];
    const auto count = static_cast<std::ptrdiff_t>(std::min(lines, log.size()));
    return std::vector<std::string>(log.end() - count, log.end());
  }

 private:
  static Failure gone() { return fail(ErrorCode::kIo, "systemd does not answer"); }
  void begin_run(UnitInfo& info) {
    info.active_state = "active";
    info.sub_state = "running";
    info.main_pid = ++next_pid_;
    const std::string run = std::to_string(next_pid_);
    info.invocation_id = std::string(32 - run.size(), '0') + run;
  }

  std::map<std::string, UnitInfo> units_;
  std::uint32_t next_pid_ = 1000;
};

}  // namespace rollback
