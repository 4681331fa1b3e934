// SPDX-License-Identifier: Apache-2.0
// The link between agents and coordinator: ZeroMQ with CURVE, ZAP enforced, peers known by the ZAP
// User-Id of each payload frame (the routing id proves nothing). Port 7400 admits accepted keys
// only, 7401 any key for one small message. One ZmqContext per process.
//
// Sockets belong to the thread that polls them. The set of admitted keys may be changed from any
// thread. Who is admitted is decided once, in the handshake: a key that is taken away keeps its
// live connection, so the receiver of a Message asks its own table about Message::key every time.
#pragma once

#include <chrono>
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
  explicit ZmqContext(int io_threads = 1);  // the coordinator uses 2
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
  [[nodiscard]] void* handle() noexcept;
  // "inproc://PURPOSE-7", never the same twice.
  [[nodiscard]] std::string unique_endpoint(std::string_view purpose);

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

// The ZAP handler: a thread that answers who may connect. Domain "agents" admits the given public
// keys, domain "enrolment" any valid CURVE key, every other domain nobody. The User-Id it gives is
// the Z85 public key. One per context; start it before any router.
class ZapAuthenticator {
 public:
  static Result<std::unique_ptr<ZapAuthenticator>> start(ZmqContext& context);
  ~ZapAuthenticator();
  void admit(std::set<std::string> public_keys);  // replaces the set; thread-safe
  // One key more besides the set, for probe_gate; "" takes it back. Thread-safe.
  void admit_probe(std::string public_key);
  void stop();  // tests: what happens without a handler

 private:
  struct Inner;
  explicit ZapAuthenticator(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

struct RouterCounters {
  std::uint64_t received = 0;
  std::uint64_t dropped = 0;  // no User-Id, longer than max_message, wrong number of frames
  // What libzmq saw of connections. The difference are unknown keys, garbage and stalled peers, and
  // for up to 3 s those in the handshake.
  std::uint64_t connections = 0;
  std::uint64_t admitted = 0;
};

// The coordinator's server socket (ROUTER). `domain` is "agents" or "enrolment". A frame well above
// max_message never arrives: libzmq closes that connection.
class ZmqRouter final : public Pollable {
 public:
  struct Options {
    std::string endpoint;  // "tcp://*:7400"
    std::string domain;
    CurveKeys keys;
    std::size_t max_message = 1024 * 1024;  // at least 1 KiB: the handshake has to pass too
    int queue = 256;                        // messages held per connection and direction
  };
  // Fails unless ZAP_ENFORCE_DOMAIN took effect.
  static Result<std::unique_ptr<ZmqRouter>> bind(ZmqContext& context, const Options& options);
  ~ZmqRouter() override;

  struct Message {
    std::string route;  // where to answer; opaque, proves nothing, never shown to a peer
    std::string key;    // Z85 public key of the peer, from the payload frame
    std::string bytes;
  };
  // nullopt when nothing is waiting. Malformed messages are dropped and counted.
  Result<std::optional<Message>> receive();
  // kNotFound: that connection is gone. kBusy: its queue is full.
  Status send(const std::string& route, std::string_view bytes);
  // Call about once a second: what libzmq notes of connections is queued until then.
  [[nodiscard]] const RouterCounters& counters();
  [[nodiscard]] std::string endpoint() const;  // with the port that was bound
  void* zmq_handle() noexcept override;

 private:
  struct Inner;
  explicit ZmqRouter(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// The agent's client socket (DEALER) to one endpoint, pinned to that server's key. Nothing is
// queued while there is no connection, so nothing stale is sent after an outage; what was queued
// when a connection broke is lost, and the layer above repeats it.
class ZmqDealer final : public Pollable {
 public:
  struct Options {
    std::string endpoint;
    std::string server_key;  // Z85
    CurveKeys keys;
    std::size_t max_message = 1024 * 1024;
    int queue = 1000;  // messages held in each direction
    // Pause before connecting again: doubles from `first` to `longest`. Each host has its own pace
    // between 50 and 150 % of these, derived from its key, so that a fleet does not return at once.
    std::chrono::milliseconds first_retry{500};
    std::chrono::milliseconds longest_retry{8000};
  };
  static Result<std::unique_ptr<ZmqDealer>> connect(ZmqContext& context, const Options& options);
  ~ZmqDealer() override;
  Result<std::optional<std::string>> receive();
  Status send(std::string_view bytes);  // kBusy: not connected, or the queue is full
  // What the connection did, oldest first. Call until kNone, each time events() is ready or once
  // per loop turn. After kRefused and kBroken libzmq 4.3.4 never connects again: build a new
  // dealer, after a pause. Do so too when a minute has passed since kDisconnected or since
  // connect(): a protocol error on a live connection (a message above max_message) ends it for
  // good, and looks like any other disconnect.
  enum class Event {
    kNone,
    kConnected,     // with the right server, and admitted by it
    kDisconnected,  // after kConnected; as a rule libzmq connects again by itself
    kRefused,       // by the server's ZAP handler: our key is not accepted
    kBroken,        // the other side does not speak our protocol
  };
  Event next_event();
  Pollable& events() noexcept;  // ready when next_event() has something
  void* zmq_handle() noexcept override;

 private:
  struct Inner;
  explicit ZmqDealer(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// Connects to `endpoint` with a key nobody has accepted. Ok only when the ZAP handler itself
// refused it; silence or a closed connection is an error, for a dead handler looks like that.
Status probe_is_refused(ZmqContext& context, const std::string& endpoint,
                        const std::string& server_key, Duration deadline);
// The coordinator's self-probe: a stranger's key is refused by the handler AND a key that `zap`
// admits for the moment gets in. An error must keep the coordinator from READY, and take it down
// when it comes later. Blocks for a few milliseconds, at worst twice `deadline`.
Status probe_gate(ZmqContext& context, ZapAuthenticator& zap, const std::string& endpoint,
                  const std::string& server_key, Duration deadline);

}  // namespace rollback
