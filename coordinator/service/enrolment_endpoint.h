// SPDX-License-Identifier: Apache-2.0
// Where hosts ask to be let in: any key may send one small message, few of them in a second. It
// tells a stranger nothing but its own fingerprint and whether it was accepted. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "coordinator/service/fleet.h"
#include "protocol/zmq_channel.h"

namespace rollback {

struct EnrolmentRefusals {
  std::uint64_t malformed = 0;
  std::uint64_t forged = 0;    // an id of another key, or a key of another id
  std::uint64_t too_many = 0;  // in a second, or waiting to be accepted
  std::uint64_t failed = 0;    // could not be stored
};

class EnrolmentEndpoint {
 public:
  static constexpr double kPerSecond = 50;  // requests, overall; as many at once

  // `options.domain` and its limits are set here.
  static Result<std::unique_ptr<EnrolmentEndpoint>> bind(Fleet& fleet, ZmqContext& context,
                                                         Poller& poller,
                                                         ZmqRouter::Options options);
  ~EnrolmentEndpoint();
  EnrolmentEndpoint(const EnrolmentEndpoint&) = delete;
  EnrolmentEndpoint& operator=(const EnrolmentEndpoint&) = delete;
  [[nodiscard]] std::string endpoint() const { return router_->endpoint(); }
  // Takes in what libzmq noted of connections; call about once a second, for it is queued until
  // then.
  void count_connections() { connections_ = router_->counters(); }
  [[nodiscard]] const EnrolmentRefusals& refusals() const noexcept { return refusals_; }
  [[nodiscard]] const RouterCounters& connections() const noexcept { return connections_; }

 private:
  EnrolmentEndpoint(Fleet& fleet, Poller& poller, std::unique_ptr<ZmqRouter> router);
  void receive();
  void on_message(const ZmqRouter::Message& message);
  Result<HostRecord> enrol(const Hello& hello, const std::string& key);
  bool take_token();

  Fleet& fleet_;
  Poller& poller_;
  std::unique_ptr<ZmqRouter> router_;
  double tokens_ = kPerSecond;
  BootTime filled_at_;
  EnrolmentRefusals refusals_;
  RouterCounters connections_;
};

}  // namespace rollback
