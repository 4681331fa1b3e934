// SPDX-License-Identifier: Apache-2.0
// The link between agents and coordinator: ZeroMQ with CURVE, ZAP enforced, peers known by the ZAP
// User-Id of each payload frame (the routing id proves nothing). Port 7400 admits accepted keys
// only, 7401 any key for one small message. One ZmqContext per process.
//
// Sockets belong to the thread that polls them. AdmittedKeys may be changed from that thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "protocol/keys.h"
#include "protocol/poller.h"

namespace rollback {

class ZmqContext {
 public:
  ZmqContext();
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
  [[nodiscard]] void* handle() noexcept;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

// The ZAP handler: a thread that answers who may connect. Domain "agents" admits the given public
// keys, domain "enrolment" any valid key. Its User-Id is the Z85 public key.
class ZapAuthenticator {
 public:
  static Result<std::unique_ptr<ZapAuthenticator>> start(ZmqContext& context);
  ~ZapAuthenticator();
  void admit(std::set<std::string> public_keys);  // replaces the set; thread-safe
  void stop();                                    // tests: what happens without a handler

 private:
  struct Inner;
  explicit ZapAuthenticator(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

struct RouterCounters {
  std::uint64_t received = 0;
  std::uint64_t dropped = 0;  // no User-Id, oversized, wrong number of frames
};

// The coordinator's server socket (ROUTER). `domain` is "agents" or "enrolment".
class ZmqRouter final : public Pollable {
 public:
  struct Options {
    std::string endpoint;  // "tcp://*:7400"
    std::string domain;
    CurveKeys keys;
    std::size_t max_message = 1024 * 1024;
  };
  // Fails unless ZAP_ENFORCE_DOMAIN took effect.
  static Result<std::unique_ptr<ZmqRouter>> bind(ZmqContext& context, const Options& options);
  ~ZmqRouter() override;

  struct Message {
    std::string route;  // libzmq's own id of the connection; opaque
    std::string key;    // Z85 public key of the peer, from the payload frame
    std::string bytes;
  };
  // nullopt when nothing is waiting. Malformed messages are dropped and counted.
  Result<std::optional<Message>> receive();
  // kNotFound: that connection is gone. kBusy: its queue is full.
  Status send(const std::string& route, std::string_view bytes);
  [[nodiscard]] const RouterCounters& counters() const noexcept;
  [[nodiscard]] std::string endpoint() const;  // with the port that was bound
  void* zmq_handle() noexcept override;

 private:
  struct Inner;
  explicit ZmqRouter(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// The agent's client socket (DEALER) to one endpoint, pinned to that server's key.
class ZmqDealer final : public Pollable {
 public:
  struct Options {
    std::string endpoint;
    std::string server_key;  // Z85
    CurveKeys keys;
    std::size_t max_message = 1024 * 1024;
  };
  static Result<std::unique_ptr<ZmqDealer>> connect(ZmqContext& context, const Options& options);
  ~ZmqDealer() override;
  Result<std::optional<std::string>> receive();
  Status send(std::string_view bytes);  // kBusy when the queue is full
  // What the connection did since the last call, so that a refused socket can be rebuilt (libzmq
  // 4.3.4 does not reconnect after a ZAP refusal).
  enum class Event { kNone, kConnected, kDisconnected, kRefused };
  Event next_event();
  void* zmq_handle() noexcept override;

 private:
  struct Inner;
  explicit ZmqDealer(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// Connects to `endpoint` with a key nobody has accepted and expects to be refused within
// `deadline`. Ok: it was refused. An error must keep the coordinator from READY.
Status probe_is_refused(ZmqContext& context, const std::string& endpoint,
                        const std::string& server_key, Duration deadline);

}  // namespace rollback
