// SPDX-License-Identifier: Apache-2.0
#include <zmq.h>

#include <array>

#include "protocol/zmq_channel.h"
#include "protocol/zmq_socket.h"

namespace rollback {

namespace {

// Marked as draft in zmq.h and hidden there, honoured by Debian's library. Without it a server lets
// every key in while no ZAP handler runs.
constexpr int kZapEnforceDomain = 93;
constexpr int kHandshakeMs = 3000;
constexpr int kBacklog = 4096;
constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED;

Status enforce_zap(void* socket, const std::string& domain) {
  ROLLBACK_TRY(set_option(socket, ZMQ_ZAP_DOMAIN, domain, "ZAP_DOMAIN"));
  ROLLBACK_TRY(set_option(socket, kZapEnforceDomain, 1, "ZAP_ENFORCE_DOMAIN"));
  int enforced = 0;
  std::size_t size = sizeof enforced;
  if (zmq_getsockopt(socket, kZapEnforceDomain, &enforced, &size) != 0 || enforced != 1)
    return fail(ErrorCode::kUnsupported,
                "this libzmq does not enforce ZAP (ZAP_ENFORCE_DOMAIN), so it would let every key "
                "in; install libzmq 4.3 of Debian 12");
  return {};
}

Status configure(void* socket, const ZmqRouter::Options& options) {
  ROLLBACK_TRY(set_link_options(socket, {options.endpoint, options.max_message, options.queue}));
  ROLLBACK_TRY(set_option(socket, ZMQ_CURVE_SERVER, 1, "CURVE_SERVER"));
  ROLLBACK_TRY(set_curve_keys(socket, options.keys));
  ROLLBACK_TRY(enforce_zap(socket, options.domain));
  ROLLBACK_TRY(set_option(socket, ZMQ_HANDSHAKE_IVL, kHandshakeMs, "HANDSHAKE_IVL"));
  ROLLBACK_TRY(set_option(socket, ZMQ_BACKLOG, kBacklog, "BACKLOG"));
  ROLLBACK_TRY(set_option(socket, ZMQ_ROUTER_MANDATORY, 1, "ROUTER_MANDATORY"));
  return set_option(socket, ZMQ_ROUTER_HANDOVER, 0, "ROUTER_HANDOVER");
}

}  // namespace

struct ZmqRouter::Inner {
  ZmqSocketPtr socket;
  std::unique_ptr<ZmqMonitor> monitor;
  std::size_t max_message = 0;
  RouterCounters counters;
};

ZmqRouter::ZmqRouter(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
ZmqRouter::~ZmqRouter() = default;

Result<std::unique_ptr<ZmqRouter>> ZmqRouter::bind(ZmqContext& context, const Options& options) {
  if (options.domain.empty()) return fail(ErrorCode::kBug, "a router without a ZAP domain");
  auto inner = std::make_unique<Inner>();
  inner->max_message = options.max_message;
  ROLLBACK_ASSIGN(inner->socket, open_zmq_socket(context, ZMQ_ROUTER));
  ROLLBACK_TRY(configure(inner->socket.get(), options));
  ROLLBACK_ASSIGN(inner->monitor, ZmqMonitor::watch(context, inner->socket.get(), kEvents));
  if (zmq_bind(inner->socket.get(), options.endpoint.c_str()) != 0)
    return fail_zmq("listen on " + options.endpoint);
  return std::unique_ptr<ZmqRouter>(new ZmqRouter(std::move(inner)));
}

Result<std::optional<ZmqRouter::Message>> ZmqRouter::receive() {
  for (;;) {
    ROLLBACK_ASSIGN(auto message, receive_message(inner_->socket.get(), 2));
    if (!message) return std::nullopt;
    auto& frames = message->frames;
    const bool sound = frames.size() == 2 && !message->too_many && !message->user_id.empty() &&
                       frames[1].size() <= inner_->max_message;
    if (!sound) {
      ++inner_->counters.dropped;
      continue;
    }
    ++inner_->counters.received;
    return Message{std::move(frames[0]), std::move(message->user_id), std::move(frames[1])};
  }
}

Status ZmqRouter::send(const std::string& route, std::string_view bytes) {
  if (bytes.size() > inner_->max_message)
    return fail(ErrorCode::kInvalid, "a message above the limit of the link");
  ROLLBACK_TRY(send_frame(inner_->socket.get(), route, true));
  return send_frame(inner_->socket.get(), bytes, false);
}

const RouterCounters& ZmqRouter::counters() {
  for (auto event = inner_->monitor->next(); event && *event; event = inner_->monitor->next())
    ++((*event)->event == ZMQ_EVENT_ACCEPTED ? inner_->counters.connections
                                             : inner_->counters.admitted);
  return inner_->counters;
}

std::string ZmqRouter::endpoint() const {
  std::array<char, 256> text{};
  std::size_t size = text.size();
  const int rc = zmq_getsockopt(inner_->socket.get(), ZMQ_LAST_ENDPOINT, text.data(), &size);
  return rc == 0 ? text.data() : "";
}

void* ZmqRouter::zmq_handle() noexcept { return inner_->socket.get(); }

}  // namespace rollback
