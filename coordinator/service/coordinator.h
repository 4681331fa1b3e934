// SPDX-License-Identifier: Apache-2.0
// The coordinator as one loop: agents and operators in, answers out, timers, the stored rollout.
// Everything runs on the thread that calls it, synced writes included.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "coordinator/options.h"
#include "coordinator/service/agent_endpoint.h"
#include "coordinator/service/enrolment_endpoint.h"
#include "coordinator/service/operator_endpoint.h"
#include "protocol/zmq_channel.h"

namespace rollback {

class Coordinator {
 public:
  static constexpr Duration kProbeEvery = std::chrono::seconds(60);
  static constexpr Duration kProbeDeadline = std::chrono::seconds(2);

  struct Deps {
    const CoordinatorOptions& options;
    CurveKeys keys;
    Ledger& ledger;
    ZmqContext& context;
    ZapAuthenticator& zap;
    Poller& poller;
    const Clock& clock;
    Random& random;
    std::function<void(const std::string&)> log;
  };
  // Loads what is stored, binds every socket and proves that strangers are kept out; the stored
  // rollout goes on. Serves from the first turn() on.
  static Result<std::unique_ptr<Coordinator>> start(Deps deps, const DoorOptions& socket);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // One round of the loop, at most `timeout` of waiting. An error ends the coordinator: nothing can
  // be stored, or strangers are no longer kept out.
  Status turn(Duration timeout);

  [[nodiscard]] const AgentEndpoint& agents() const { return *agents_; }
  [[nodiscard]] const EnrolmentEndpoint& enrolment() const { return *enrolment_; }
  [[nodiscard]] const Fleet& fleet() const { return fleet_; }

 private:
  explicit Coordinator(Deps deps);
  Status open(const DoorOptions& socket);
  void admit_accepted();
  Status prove_gate();
  void say_refusals();  // one line in the log when there are new ones

  Deps deps_;
  Fleet fleet_;
  std::unique_ptr<AgentEndpoint> agents_;
  std::unique_ptr<EnrolmentEndpoint> enrolment_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<FanOut> fan_out_;
  std::unique_ptr<FleetVerbs> verbs_;
  std::unique_ptr<OperatorEndpoint> operators_;
  BootTime next_second_;
  BootTime next_probe_;
  std::uint64_t refusals_said_ = 0;
};

}  // namespace rollback
