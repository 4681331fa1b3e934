// SPDX-License-Identifier: Apache-2.0
#include "protocol/zmq_socket.h"

#include <zmq.h>

#include <cerrno>
#include <cstring>

namespace rollback {

namespace {

constexpr int kHeartbeatMs = 10'000;
constexpr int kHeartbeatTimeoutMs = 20'000;
constexpr int kHeartbeatTtlMs = 30'000;
// MAXMSGSIZE is compared with the encrypted frame: nonce, flags and authenticator come on top.
constexpr std::int64_t kCurveOverhead = 64;

class Part {
 public:
  Part() { zmq_msg_init(&message_); }
  ~Part() { zmq_msg_close(&message_); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  zmq_msg_t* get() noexcept { return &message_; }
  [[nodiscard]] std::string bytes() {
    return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }
  [[nodiscard]] std::string user_id() {
    const char* value = zmq_msg_gets(&message_, "User-Id");
    return value == nullptr ? "" : value;
  }
  [[nodiscard]] bool more() { return zmq_msg_more(&message_) != 0; }

 private:
  zmq_msg_t message_;
};

int receive_part(Part& part, void* socket, int flags) {
  int size = 0;
  do {
    size = zmq_msg_recv(part.get(), socket, flags);
  } while (size < 0 && errno == EINTR);
  return size;
}

Status option_status(int rc, std::string_view name) {
  if (rc == 0) return {};
  return fail_zmq("set the socket option " + std::string(name));
}

}  // namespace

void ZmqClose::operator()(void* socket) const noexcept { zmq_close(socket); }

Failure fail_zmq(std::string_view what) {
  const int error = errno;
  if (error < ZMQ_HAUSNUMERO) return fail_errno(error, what);
  return fail(ErrorCode::kIo, std::string(what) + ": " + zmq_strerror(error));
}

Result<ZmqSocketPtr> open_zmq_socket(ZmqContext& context, int type) {
  ZmqSocketPtr socket(zmq_socket(context.handle(), type));
  if (!socket) return fail_zmq("open a socket for the link");
  return socket;
}

Status set_option(void* socket, int option, int value, std::string_view name) {
  return option_status(zmq_setsockopt(socket, option, &value, sizeof value), name);
}

Status set_option(void* socket, int option, std::string_view value, std::string_view name) {
  return option_status(zmq_setsockopt(socket, option, value.data(), value.size()), name);
}

Status set_option(void* socket, int option, std::int64_t value, std::string_view name) {
  return option_status(zmq_setsockopt(socket, option, &value, sizeof value), name);
}

Status set_link_options(void* socket, const LinkSettings& settings) {
  const std::int64_t largest = static_cast<std::int64_t>(settings.max_message) + kCurveOverhead;
  ROLLBACK_TRY(set_option(socket, ZMQ_LINGER, 0, "LINGER"));
  ROLLBACK_TRY(set_option(socket, ZMQ_MAXMSGSIZE, largest, "MAXMSGSIZE"));
  ROLLBACK_TRY(set_option(socket, ZMQ_SNDHWM, settings.queue, "SNDHWM"));
  ROLLBACK_TRY(set_option(socket, ZMQ_RCVHWM, settings.queue, "RCVHWM"));
  ROLLBACK_TRY(set_option(socket, ZMQ_HEARTBEAT_IVL, kHeartbeatMs, "HEARTBEAT_IVL"));
  ROLLBACK_TRY(set_option(socket, ZMQ_HEARTBEAT_TIMEOUT, kHeartbeatTimeoutMs, "HEARTBEAT_TIMEOUT"));
  ROLLBACK_TRY(set_option(socket, ZMQ_HEARTBEAT_TTL, kHeartbeatTtlMs, "HEARTBEAT_TTL"));
  const bool ipv6 = settings.endpoint.find('[') != std::string::npos;
  return set_option(socket, ZMQ_IPV6, ipv6 ? 1 : 0, "IPV6");
}

Status set_curve_keys(void* socket, const CurveKeys& keys) {
  ROLLBACK_TRY(set_option(socket, ZMQ_CURVE_PUBLICKEY, keys.public_key, "CURVE_PUBLICKEY"));
  return set_option(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key, "CURVE_SECRETKEY");
}

Result<std::optional<ZmqMessage>> receive_message(void* socket, std::size_t max_frames) {
  ZmqMessage message;
  bool more = true;
  while (more) {
    Part part;
    if (receive_part(part, socket, ZMQ_DONTWAIT) < 0) {
      if (errno == EAGAIN) return std::nullopt;
      return fail_zmq("receive on the link");
    }
    more = part.more();
    if (message.frames.size() == max_frames) {
      message.too_many = true;
      continue;
    }
    message.frames.push_back(part.bytes());
    message.user_id = part.user_id();
  }
  return message;
}

Status send_frame(void* socket, std::string_view bytes, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  int sent = 0;
  do {
    sent = zmq_send(socket, bytes.data(), bytes.size(), flags);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  if (errno == EHOSTUNREACH) return fail(ErrorCode::kNotFound, "the peer is not connected");
  if (errno == EAGAIN) return fail(ErrorCode::kBusy, "the link takes no more messages now");
  return fail_zmq("send on the link");
}

Result<std::unique_ptr<ZmqMonitor>> ZmqMonitor::watch(ZmqContext& context, void* socket,
                                                      int events) {
  const std::string endpoint = context.unique_endpoint("link-events");
  ROLLBACK_ASSIGN(ZmqSocketPtr reports, open_zmq_socket(context, ZMQ_PAIR));
  ROLLBACK_TRY(set_option(reports.get(), ZMQ_LINGER, 0, "LINGER"));
  // The I/O thread sends these events and blocks at a full queue, so it must have no bound; they
  // come at the pace of reconnects.
  ROLLBACK_TRY(set_option(reports.get(), ZMQ_RCVHWM, 0, "RCVHWM"));
  if (zmq_socket_monitor(socket, endpoint.c_str(), events) != 0)
    return fail_zmq("watch the connection of the link");
  std::unique_ptr<ZmqMonitor> monitor(new ZmqMonitor(socket, std::move(reports)));
  if (zmq_connect(monitor->zmq_handle(), endpoint.c_str()) != 0)
    return fail_zmq("watch the connection of the link");
  return monitor;
}

// Told to stop while the reports still have a reader: an I/O thread with an event and no reader
// waits for good, and so does every other connection of that thread.
ZmqMonitor::~ZmqMonitor() { zmq_socket_monitor(watched_, nullptr, 0); }

Result<std::optional<ZmqEvent>> ZmqMonitor::next() {
  // Frame 1: event number (16 bits) and value (32 bits) in the machine's order; frame 2: address.
  constexpr std::size_t kEventSize = sizeof(std::uint16_t) + sizeof(std::uint32_t);
  ROLLBACK_ASSIGN(auto message, receive_message(reports_.get(), 2));
  if (!message) return std::nullopt;
  const std::string& raw = message->frames.front();
  if (raw.size() != kEventSize) return fail(ErrorCode::kBug, "malformed socket event");
  std::uint16_t number = 0;
  ZmqEvent event;
  std::memcpy(&number, raw.data(), sizeof number);
  std::memcpy(&event.value, raw.data() + sizeof number, sizeof event.value);
  event.event = number;
  return event;
}

}  // namespace rollback
