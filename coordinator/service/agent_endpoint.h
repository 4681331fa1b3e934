// SPDX-License-Identifier: Apache-2.0
// The accepted hosts' end of the link. A peer is the key of each single message, looked up in the
// table of hosts every time; what a message says about itself is only compared with that. Loop
// thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "coordinator/rollout/agents.h"
#include "coordinator/service/fleet.h"
#include "protocol/zmq_channel.h"

namespace rollback {

struct LinkRefusals {
  std::uint64_t unaccepted = 0;  // key of nobody, or of a host that was removed
  std::uint64_t forged = 0;      // named another host than its key's
  std::uint64_t malformed = 0;
  std::uint64_t unasked = 0;  // an answer to nothing that this host was asked
};

class AgentEndpoint final : public Agents {
 public:
  static constexpr Duration kPulse = std::chrono::seconds(2);
  static constexpr Duration kValid = std::chrono::minutes(5);  // of a command; clocks may differ

  // `options.domain` is set here.
  static Result<std::unique_ptr<AgentEndpoint>> bind(Fleet& fleet, ZmqContext& context,
                                                     Poller& poller, ZmqRouter::Options options);
  ~AgentEndpoint() override;

  // Pulses, and hosts that fell silent; call at least every 200 ms.
  void tick();
  // Takes in what libzmq noted of connections; call about once a second, for it is queued until
  // then.
  void count_connections() { connections_ = router_->counters(); }
  // Its key is worth nothing from now on.
  void forget(const HostId& host);
  [[nodiscard]] std::string endpoint() const { return router_->endpoint(); }
  [[nodiscard]] const LinkRefusals& refusals() const noexcept { return refusals_; }
  [[nodiscard]] const RouterCounters& connections() const noexcept { return connections_; }

  // Agents
  [[nodiscard]] bool is_online(const HostId& host) const override;
  Result<CommandId> ask(Question question, OnReply on_reply, OnLost on_lost) override;
  void drop(const CommandId& command) override { pending_.erase(command); }

 private:
  struct Pending {
    HostId host;
    OnReply on_reply;
    OnLost on_lost;
  };

  AgentEndpoint(Fleet& fleet, Poller& poller, std::unique_ptr<ZmqRouter> router);
  void receive();
  void on_message(const ZmqRouter::Message& message);
  void on_hello(const HostRecord& host, const std::string& route, const Hello& hello);
  void on_heartbeat(const HostRecord& host, const std::string& route, const Heartbeat& beat);
  void on_answer(const HostRecord& host, const Reply& reply);
  void refuse_forged(const HostRecord& host, const HostId& claimed, std::string_view what);
  void welcome(const HostId& host, const std::string& route);
  Status send(const std::string& route, const CoordinatorMessage& message);
  // Nothing that it was asked will be answered on the connection it had.
  void lose_answers(const HostId& host);
  void lose(const HostId& host);

  Fleet& fleet_;
  Poller& poller_;
  std::unique_ptr<ZmqRouter> router_;
  std::map<HostId, std::string> routes_;
  std::map<CommandId, Pending> pending_;
  std::uint64_t seq_ = 0;
  BootTime next_pulse_;
  LinkRefusals refusals_;
  RouterCounters connections_;
};

}  // namespace rollback
