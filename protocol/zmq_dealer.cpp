// SPDX-License-Identifier: Apache-2.0
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/digest.h"
#include "protocol/zmq_channel.h"
#include "protocol/zmq_socket.h"

namespace rollback {

namespace {

// Longer than the server's 3 s: its clock starts when it accepts, ours when the kernel does, and in
// a herd the wait between the two must not be wasted.
constexpr int kHandshakeMs = 10'000;
constexpr int kConnectMs = 5000;

constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_DISCONNECTED;

// Between 50 and 150 % of `pause`, the same for the same key.
int own_pace(std::chrono::milliseconds pause, const Digest& key) {
  const auto spread = 50 + (key.bytes[0] * 256 + key.bytes[1]) % 101;
  return static_cast<int>(std::max<std::int64_t>(pause.count() * spread / 100, 1));
}

Status configure(void* socket, const ZmqDealer::Options& options) {
  const Digest key = sha256(options.keys.public_key);
  ROLLBACK_TRY(set_link_options(socket, {options.endpoint, options.max_message, options.queue}));
  ROLLBACK_TRY(set_option(socket, ZMQ_CURVE_SERVERKEY, options.server_key, "CURVE_SERVERKEY"));
  ROLLBACK_TRY(set_curve_keys(socket, options.keys));
  ROLLBACK_TRY(set_option(socket, ZMQ_HANDSHAKE_IVL, kHandshakeMs, "HANDSHAKE_IVL"));
  ROLLBACK_TRY(set_option(socket, ZMQ_CONNECT_TIMEOUT, kConnectMs, "CONNECT_TIMEOUT"));
  ROLLBACK_TRY(set_option(socket, ZMQ_IMMEDIATE, 1, "IMMEDIATE"));
  ROLLBACK_TRY(
      set_option(socket, ZMQ_RECONNECT_IVL, own_pace(options.first_retry, key), "RECONNECT_IVL"));
  return set_option(socket, ZMQ_RECONNECT_IVL_MAX, own_pace(options.longest_retry, key),
                    "RECONNECT_IVL_MAX");
}

}  // namespace

struct ZmqDealer::Inner {
  ZmqSocketPtr socket;
  std::unique_ptr<ZmqMonitor> monitor;
  std::size_t max_message = 0;
  bool connected = false;
};

ZmqDealer::ZmqDealer(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
ZmqDealer::~ZmqDealer() = default;

Result<std::unique_ptr<ZmqDealer>> ZmqDealer::connect(ZmqContext& context, const Options& options) {
  auto inner = std::make_unique<Inner>();
  inner->max_message = options.max_message;
  ROLLBACK_ASSIGN(inner->socket, open_zmq_socket(context, ZMQ_DEALER));
  ROLLBACK_TRY(configure(inner->socket.get(), options));
  ROLLBACK_ASSIGN(inner->monitor, ZmqMonitor::watch(context, inner->socket.get(), kEvents));
  if (zmq_connect(inner->socket.get(), options.endpoint.c_str()) != 0)
    return fail_zmq("connect to " + options.endpoint);
  return std::unique_ptr<ZmqDealer>(new ZmqDealer(std::move(inner)));
}

Result<std::optional<std::string>> ZmqDealer::receive() {
  for (;;) {
    ROLLBACK_ASSIGN(auto message, receive_message(inner_->socket.get(), 1));
    if (!message) return std::nullopt;
    if (message->too_many || message->frames.front().size() > inner_->max_message) continue;
    return std::move(message->frames.front());
  }
}

Status ZmqDealer::send(std::string_view bytes) {
  if (bytes.size() > inner_->max_message)
    return fail(ErrorCode::kInvalid, "a message above the limit of the link");
  auto sent = send_frame(inner_->socket.get(), bytes, false);
  if (sent || sent.error().code != ErrorCode::kBusy) return sent;
  // libzmq looks for a new connection only now and then while sending; asking for its state makes
  // it look.
  int state = 0;
  std::size_t size = sizeof state;
  if (zmq_getsockopt(inner_->socket.get(), ZMQ_EVENTS, &state, &size) != 0) return sent;
  return send_frame(inner_->socket.get(), bytes, false);
}

ZmqDealer::Event ZmqDealer::next_event() {
  for (;;) {
    const auto event = inner_->monitor->next();
    if (!event || !*event) return Event::kNone;
    const bool was_connected = std::exchange(inner_->connected, false);
    switch ((*event)->event) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        inner_->connected = true;
        return Event::kConnected;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return Event::kRefused;
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return Event::kBroken;
      default:
        if (was_connected) return Event::kDisconnected;
    }
  }
}

Pollable& ZmqDealer::events() noexcept { return *inner_->monitor; }
void* ZmqDealer::zmq_handle() noexcept { return inner_->socket.get(); }

}  // namespace rollback
