// SPDX-License-Identifier: Apache-2.0
// systemd as it goes on while the agent is killed: units whose state is in a file, what each of
// them runs, and what systemd has read of their definitions. Each action is counted as a call.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/platform/service_manager.h"
#include "tests/support/faulty_syscalls.h"

namespace rollback {

class OutlastingServices final : public ServiceManager {
 public:
  // `outside`: nullptr when nobody counts. Units that `file` does not hold do not exist.
  OutlastingServices(std::filesystem::path file, std::filesystem::path root,
                     FaultySyscalls* outside);

  // A unit that runs, and the absolute paths that it reads when it starts. `fragment` is what
  // systemd reads, drop-ins beside it included.
  void add(const std::string& name, const std::string& fragment, std::vector<std::string> reads);
  // "" when each unit runs what is on the disk, under the definition that is there.
  [[nodiscard]] std::string unlike_files() const;

  Result<UnitInfo> unit(const std::string& name, Duration) override;
  Status start(const std::string& name, Duration) override;
  Status stop(const std::string& name, Duration) override;
  Status reload(const std::string& name, Duration) override;
  Status kill(const std::string&) override { return {}; }  // what hangs is not tried here
  Status reset_failed(const std::string&) override { return {}; }
  Status daemon_reload(Duration) override;
  Result<std::vector<std::string>> outdated_units(Duration) override;
  Result<std::vector<std::string>> log_tail(const std::string&, std::size_t) override;

 private:
  struct Unit {
    bool active = false;
    int invocation = 0;
    std::string fragment;
    std::vector<std::string> reads;
    std::string loaded;   // digest of the definition that systemd has read
    std::string running;  // digest of what it was started with
  };
  [[nodiscard]] std::string digest_of(const std::vector<std::string>& paths) const;
  [[nodiscard]] std::string definition_of(const Unit& unit) const;
  // What it would run if it were started now.
  [[nodiscard]] std::string would_run(const Unit& unit) const;
  Status act(const std::string& name, const std::function<void(Unit&)>& change);
  void load();
  void save() const;

  const std::filesystem::path file_, root_;
  FaultySyscalls* const outside_;
  std::map<std::string, Unit> units_;
};

}  // namespace rollback
