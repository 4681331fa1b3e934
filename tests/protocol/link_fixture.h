// SPDX-License-Identifier: Apache-2.0
// Real sockets on loopback, waits with deadlines, and peers that do what our own code never would.
#pragma once

#include <gtest/gtest.h>
#include <zmq.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "protocol/poller.h"
#include "protocol/zmq_channel.h"

namespace rollback {

using namespace std::chrono_literals;

inline constexpr Duration kSoon = 10s;      // for what must happen
inline constexpr Duration kAWhile = 600ms;  // for what must not

// Polls `sockets` until `done` says so, which is asked at least each 20 ms; false at the deadline.
template <typename Done, typename... Sockets>
bool wait_until(Duration deadline, Done done, Sockets&... sockets) {
  Poller poller;
  (poller.watch(sockets, [] {}), ...);
  const SystemClock clock;
  const BootTime end = clock.boot() + deadline;
  while (!done()) {
    const Duration left = end - clock.boot();
    if (left <= Duration::zero() || !poller.poll(std::min<Duration>(left, 20ms))) return false;
  }
  return true;
}

inline ZmqDealer::Event wait_event(ZmqDealer& dealer, Duration deadline = kSoon) {
  auto event = ZmqDealer::Event::kNone;
  wait_until(
      deadline, [&] { return (event = dealer.next_event()) != ZmqDealer::Event::kNone; },
      dealer.events());
  return event;
}

// The next message of a router or dealer; nullopt at the deadline.
template <typename Socket>
auto wait_message(Socket& socket, Duration deadline = kSoon) {
  using Waiting = typename decltype(socket.receive())::value_type;
  Waiting message;
  const auto arrived = [&] {
    auto next = socket.receive();
    EXPECT_TRUE(next);
    if (next) message = *std::move(next);
    return message.has_value();
  };
  wait_until(deadline, arrived, socket);
  return message;
}

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

// A client of libzmq without our manners.
class RawClient final : public Pollable {
 public:
  RawClient(ZmqContext& context, int type) : socket_(zmq_socket(context.handle(), type)) {
    set(ZMQ_LINGER, 0);
  }
  ~RawClient() override { zmq_close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void set(int option, int value) {
    EXPECT_EQ(zmq_setsockopt(socket_, option, &value, sizeof value), 0) << option;
  }
  void set(int option, const std::string& value) {
    EXPECT_EQ(zmq_setsockopt(socket_, option, value.data(), value.size()), 0) << option;
  }
  void use_curve(const CurveKeys& keys, const std::string& server_key) {
    set(ZMQ_CURVE_SERVERKEY, server_key);
    set(ZMQ_CURVE_PUBLICKEY, keys.public_key);
    set(ZMQ_CURVE_SECRETKEY, keys.secret_key);
  }
  void connect(const std::string& endpoint) {
    EXPECT_EQ(zmq_connect(socket_, endpoint.c_str()), 0);
  }
  void send(const std::string& bytes, int flags = 0) {
    EXPECT_GE(zmq_send(socket_, bytes.data(), bytes.size(), flags), 0);
  }
  Result<std::optional<std::string>> receive() {
    std::string bytes(1024, '\0');
    const int size = zmq_recv(socket_, bytes.data(), bytes.size(), ZMQ_DONTWAIT);
    if (size < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(size));
    return bytes;
  }
  void* zmq_handle() noexcept override { return socket_; }

 private:
  void* socket_;
};

// A coordinator's side of the link, and agents for it.
class LinkTest : public testing::Test {
 protected:
  std::unique_ptr<ZmqRouter> open_router(const std::string& domain,
                                         const std::string& endpoint = "tcp://127.0.0.1:*") {
    ZmqRouter::Options options;
    options.endpoint = endpoint;
    options.domain = domain;
    options.keys = server;
    options.max_message = kMaxMessage;
    return must(ZmqRouter::bind(context, options));
  }
  ZmqDealer::Options dealer_options(const CurveKeys& keys, ZmqRouter& to) {
    ZmqDealer::Options options;
    options.endpoint = to.endpoint();
    options.server_key = server.public_key;
    options.keys = keys;
    options.max_message = kMaxMessage;
    options.first_retry = 20ms;
    options.longest_retry = 20ms;
    return options;
  }
  std::unique_ptr<ZmqDealer> open_dealer(const CurveKeys& keys, ZmqRouter& to) {
    return must(ZmqDealer::connect(context, dealer_options(keys, to)));
  }
  std::unique_ptr<ZmqDealer> connected_dealer(const CurveKeys& keys, ZmqRouter& to) {
    auto dealer = open_dealer(keys, to);
    EXPECT_EQ(wait_event(*dealer), ZmqDealer::Event::kConnected);
    return dealer;
  }

  static constexpr std::size_t kMaxMessage = 64 * 1024;
  ZmqContext context;
  CurveKeys server = make_curve_keys();
  CurveKeys web1 = make_curve_keys();
  CurveKeys web2 = make_curve_keys();
};

}  // namespace rollback
