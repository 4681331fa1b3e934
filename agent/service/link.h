// SPDX-License-Identifier: Apache-2.0
// The agent's side of the coordinator: finds one that answers, asks to be enrolled where it is not
// accepted, sends heartbeats, rebuilds what ZeroMQ does not repair. Loop thread only; never blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "protocol/messages.h"
#include "protocol/permissions.h"
#include "protocol/zmq_channel.h"

namespace rollback {

// One address and one key to try; several keys of a coordinator are several of these.
struct LinkTarget {
  std::string endpoint;
  std::string enrolment;
  std::string server_key;  // Z85
};

class Link {
 public:
  struct Deps {
    ZmqContext& context;
    Poller& poller;
    const Clock& clock;
    Random& random;
    CurveKeys keys;
    Hello hello;
    std::function<Heartbeat()> heartbeat;
    std::function<void(const Principal&, std::string_view envelope)> on_envelope;
  };
  Link(std::vector<LinkTarget> targets, Deps deps);
  ~Link();

  // Timers and what ZeroMQ reports; call at least every 200 ms.
  void tick();
  // Dropped while there is no coordinator: it asks again when it is back.
  void send(const Reply& reply);
  // "connected to tcp://...", "waiting to be accepted: FINGERPRINT", "none configured".
  [[nodiscard]] std::string state() const;
  [[nodiscard]] std::uint64_t malformed() const noexcept { return malformed_; }

 private:
  void open();
  void close();
  void next_target();
  void retry_later(Duration at_least);
  void receive();
  void on_message(const CoordinatorMessage& message);
  void on_event(ZmqDealer::Event event);
  void begin_enrolment();
  void tick_enrolment();
  void receive_enrolment();
  [[nodiscard]] const LinkTarget& target() const { return targets_[current_]; }

  const std::vector<LinkTarget> targets_;
  Deps deps_;
  std::size_t current_ = 0;
  std::unique_ptr<ZmqDealer> dealer_;
  std::unique_ptr<ZmqDealer> enrolment_;
  bool welcomed_ = false;
  bool refused_ = false;  // the last attempt ended in a ZAP refusal
  BootTime next_attempt_;
  BootTime opened_at_;
  BootTime heard_at_;
  BootTime next_heartbeat_;
  std::uint64_t malformed_ = 0;
};

}  // namespace rollback
