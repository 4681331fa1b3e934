// SPDX-License-Identifier: Apache-2.0
// The real systemd. Each object has its own bus connection: one per thread. Survives the loss of
// D-Bus, also in the middle of a job: the job is then judged over systemd's private socket.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/platform/sd_bus.h"
#include "agent/platform/service_manager.h"

namespace rollback {

class SdServiceManager final : public ServiceManager {
 public:
  // Fails when systemd answers neither on the system bus nor on its private socket. The clock must
  // outlive the object.
  static Result<std::unique_ptr<SdServiceManager>> connect(const Clock& clock,
                                                           BusAddresses addresses = {});

  Result<UnitInfo> unit(const std::string& name, Duration deadline = kUnitAnswer) override;
  Status start(const std::string& unit, Duration deadline) override;
  Status stop(const std::string& unit, Duration deadline) override;
  Status reload(const std::string& unit, Duration deadline) override;
  Status kill(const std::string& unit) override;
  Status reset_failed(const std::string& unit) override;
  Status daemon_reload(Duration deadline) override;
  Result<std::vector<std::string>> outdated_units(Duration deadline) override;
  Result<std::vector<std::string>> log_tail(const std::string& unit, std::size_t lines) override;

 private:
  enum class Verb { kStart, kStop, kReload };
  struct Job {
    std::string path;
    std::string unit;
    Verb verb;
    BootTime until;
  };

  SdServiceManager(const Clock& clock, BusAddresses addresses)
      : clock_(clock), bus_(clock, std::move(addresses)) {}
  Status run_job(Verb verb, const std::string& unit, Duration deadline);
  Result<std::string> try_job(Job& job);
  // Once more over another connection when the first was lost meanwhile; for what may be heard
  // twice.
  Result<MessagePtr> call_surely(const BusMethod& method, BootTime until,
                                 const SdBus::Fill& fill = {});
  Result<std::string> wait_for_result(const Job& job, const std::string& result);
  Result<std::string> judge_by_state(const Job& job);
  Status explain(const Job& job, const std::string& result);
  static const char* word(Verb verb);
  static const char* method(Verb verb);
  Result<UnitInfo> load_unit(const std::string& name, BootTime until);

  const Clock& clock_;
  SdBus bus_;
};

}  // namespace rollback
