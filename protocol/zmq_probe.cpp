// SPDX-License-Identifier: Apache-2.0
#include <zmq.h>

#include <array>
#include <cerrno>

#include "protocol/deadline.h"
#include "protocol/zmq_channel.h"

namespace rollback {

namespace {

// What the first complete handshake came to; kNone when there was none in time.
Result<ZmqDealer::Event> first_event(ZmqDealer& dealer, Duration deadline) {
  const Deadline end(deadline);
  if (end.fd() < 0) return fail(ErrorCode::kIo, "no descriptor left for the probe of the link");
  std::array<zmq_pollitem_t, 2> items{
      {{dealer.events().zmq_handle(), 0, ZMQ_POLLIN, 0}, {nullptr, end.fd(), ZMQ_POLLIN, 0}}};
  for (;;) {
    const auto event = dealer.next_event();
    if (event != ZmqDealer::Event::kNone) return event;
    if (items[1].revents != 0) return event;
    if (zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0 && errno != EINTR)
      return fail_errno(errno, "wait for the probe of the link");
  }
}

// A connection that breaks in the middle of its handshake says nothing about the gate: knocked
// again.
constexpr int kKnocks = 3;

Result<ZmqDealer::Event> knock(ZmqContext& context, const std::string& endpoint,
                               const std::string& server_key, const CurveKeys& keys,
                               Duration deadline) {
  ZmqDealer::Options options;
  options.endpoint = endpoint;
  options.server_key = server_key;
  options.keys = keys;
  auto event = ZmqDealer::Event::kNone;
  for (int i = 0; i < kKnocks; ++i) {
    ROLLBACK_ASSIGN(const auto dealer, ZmqDealer::connect(context, options));
    ROLLBACK_ASSIGN(event, first_event(*dealer, deadline));
    if (event != ZmqDealer::Event::kBroken) break;
  }
  return event;
}

class ProbeKey {
 public:
  ProbeKey(ZapAuthenticator& zap, const std::string& public_key) : zap_(zap) {
    zap_.admit_probe(public_key);
  }
  ~ProbeKey() { zap_.admit_probe(""); }
  ProbeKey(const ProbeKey&) = delete;
  ProbeKey& operator=(const ProbeKey&) = delete;

 private:
  ZapAuthenticator& zap_;
};

}  // namespace

Status probe_is_refused(ZmqContext& context, const std::string& endpoint,
                        const std::string& server_key, Duration deadline) {
  ROLLBACK_ASSIGN(const auto event,
                  knock(context, endpoint, server_key, make_curve_keys(), deadline));
  if (event == ZmqDealer::Event::kRefused) return {};
  if (event == ZmqDealer::Event::kConnected)
    return fail(ErrorCode::kDenied, endpoint + " lets unknown keys in; it must not serve");
  return fail(ErrorCode::kTimeout, endpoint + " did not refuse an unknown key within " +
                                       format_duration(deadline) +
                                       "; its ZAP handler does not answer");
}

Status probe_gate(ZmqContext& context, ZapAuthenticator& zap, const std::string& endpoint,
                  const std::string& server_key, Duration deadline) {
  ROLLBACK_TRY(probe_is_refused(context, endpoint, server_key, deadline));
  const CurveKeys keys = make_curve_keys();
  const ProbeKey admitted(zap, keys.public_key);
  ROLLBACK_ASSIGN(const auto event, knock(context, endpoint, server_key, keys, deadline));
  if (event == ZmqDealer::Event::kConnected) return {};
  return fail(ErrorCode::kTimeout, endpoint + " did not let an accepted key in within " +
                                       format_duration(deadline) +
                                       "; its ZAP handler does not answer");
}

}  // namespace rollback
