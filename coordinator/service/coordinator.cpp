// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/coordinator.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace rollback {

Coordinator::Coordinator(Deps deps)
    : deps_(std::move(deps)), fleet_{deps_.options.fleet, {},           {},       deps_.ledger,
                                     deps_.clock,         deps_.random, deps_.log} {}

Coordinator::~Coordinator() = default;

Result<std::unique_ptr<Coordinator>> Coordinator::start(Deps deps, const DoorOptions& socket) {
  std::unique_ptr<Coordinator> coordinator(new Coordinator(std::move(deps)));
  ROLLBACK_TRY(coordinator->open(socket));
  return coordinator;
}

Status Coordinator::open(const DoorOptions& socket) {
  ROLLBACK_ASSIGN(const auto hosts, deps_.ledger.hosts());
  for (const auto& host : hosts) fleet_.hosts.load(host);
  admit_accepted();
  ZmqRouter::Options agents;
  agents.endpoint = deps_.options.agents;
  agents.keys = deps_.keys;
  ROLLBACK_ASSIGN(agents_, AgentEndpoint::bind(fleet_, deps_.context, deps_.poller, agents));
  ZmqRouter::Options enrolment;
  enrolment.endpoint = deps_.options.enrolment;
  enrolment.keys = deps_.keys;
  ROLLBACK_ASSIGN(enrolment_,
                  EnrolmentEndpoint::bind(fleet_, deps_.context, deps_.poller, enrolment));
  ROLLBACK_TRY(prove_gate());
  runner_ = std::make_unique<Runner>(
      Runner::Deps{*agents_, deps_.ledger, deps_.clock, deps_.random, deps_.log});
  ROLLBACK_TRY(runner_->resume_stored());
  fan_out_ = std::make_unique<FanOut>(*agents_, deps_.clock);
  verbs_ = std::make_unique<FleetVerbs>(
      FleetVerbs::Deps{fleet_, *agents_, *runner_, *fan_out_, [this](const HostId& gone) {
                         admit_accepted();
                         if (!gone.is_none()) agents_->forget(gone);
                       }});
  ROLLBACK_ASSIGN(operators_, OperatorEndpoint::listen(fleet_, *verbs_, deps_.poller, socket));
  return {};
}

void Coordinator::admit_accepted() {
  std::set<std::string> keys;
  for (const auto& host : fleet_.hosts.accepted()) keys.insert(host.public_key);
  deps_.zap.admit(std::move(keys));
}

Status Coordinator::prove_gate() {
  next_probe_ = deps_.clock.boot() + kProbeEvery;
  return probe_gate(deps_.context, deps_.zap, agents_->endpoint(), deps_.keys.public_key,
                    kProbeDeadline);
}

void Coordinator::say_refusals() {
  const auto& agents = agents_->refusals();
  const auto& strangers = enrolment_->refusals();
  const auto& operators = operators_->refusals();
  const std::uint64_t frames = agents_->connections().dropped + enrolment_->connections().dropped;
  const std::uint64_t all = frames + agents.unaccepted + agents.forged + agents.malformed +
                            agents.unasked + strangers.malformed + strangers.forged +
                            strangers.too_many + strangers.failed + operators.malformed +
                            operators.denied;
  if (all == refusals_said_) return;
  refusals_said_ = all;
  deps_.log(fmt::format(
      "refused since the start: agents: {} of unknown keys, {} forged, {} malformed, {} unasked; "
      "enrolment: {} malformed, {} forged, {} too many, {} not stored; operators: {} malformed, {} "
      "denied; {} frames that were none; {} of {} connections let in",
      agents.unaccepted, agents.forged, agents.malformed, agents.unasked, strangers.malformed,
      strangers.forged, strangers.too_many, strangers.failed, operators.malformed, operators.denied,
      frames, agents_->connections().admitted + enrolment_->connections().admitted,
      agents_->connections().connections + enrolment_->connections().connections));
}

Status Coordinator::turn(Duration timeout) {
  ROLLBACK_TRY(deps_.poller.poll(timeout));
  agents_->tick();
  fan_out_->tick();
  runner_->tick();
  ROLLBACK_TRY(runner_->health());
  const BootTime now = deps_.clock.boot();
  if (now >= next_second_) {
    next_second_ = now + std::chrono::seconds(1);
    operators_->drop_idle();
    agents_->count_connections();
    enrolment_->count_connections();
  }
  if (now < next_probe_) return {};
  say_refusals();
  return prove_gate();
}

}  // namespace rollback
