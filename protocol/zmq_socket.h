// SPDX-License-Identifier: Apache-2.0
// What every ZeroMQ socket of ours has in common: ownership, options with a checked result, whole
// messages, errors. Private to protocol/; does not show the library's header.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "protocol/keys.h"
#include "protocol/zmq_channel.h"

namespace rollback {

struct ZmqClose {
  void operator()(void* socket) const noexcept;
};
using ZmqSocketPtr = std::unique_ptr<void, ZmqClose>;

// From errno, also the library's own numbers.
Failure fail_zmq(std::string_view what);

Result<ZmqSocketPtr> open_zmq_socket(ZmqContext& context, int type);
Status set_option(void* socket, int option, int value, std::string_view name);
Status set_option(void* socket, int option, std::string_view value, std::string_view name);
Status set_option(void* socket, int option, std::int64_t value, std::string_view name);

// Queues, heartbeats, size limit, LINGER 0, IPv6 where the endpoint asks for it.
struct LinkSettings {
  std::string endpoint;
  std::size_t max_message = 0;
  int queue = 0;
};
Status set_link_options(void* socket, const LinkSettings& settings);
// Our own keys as Z85; a server's as CURVE_SERVER.
Status set_curve_keys(void* socket, const CurveKeys& keys);

struct ZmqMessage {
  std::vector<std::string> frames;  // at most as many as asked for
  bool too_many = false;            // there were more; they were thrown away
  std::string user_id;              // ZAP's, from the last frame kept; "" if none
};
// A whole message, or nullopt when none waits. Never blocks.
Result<std::optional<ZmqMessage>> receive_message(void* socket, std::size_t max_frames);
// Never blocks: errno EAGAIN gives kBusy, EHOSTUNREACH kNotFound.
Status send_frame(void* socket, std::string_view bytes, bool more);

struct ZmqEvent {
  int event = 0;
  std::uint32_t value = 0;
};

// Reports what happens to one socket, from `watch` on. Must be destroyed before that socket.
class ZmqMonitor final : public Pollable {
 public:
  static Result<std::unique_ptr<ZmqMonitor>> watch(ZmqContext& context, void* socket, int events);
  ~ZmqMonitor() override;
  // nullopt when there is nothing new. Never blocks.
  Result<std::optional<ZmqEvent>> next();
  void* zmq_handle() noexcept override { return reports_.get(); }

 private:
  ZmqMonitor(void* watched, ZmqSocketPtr reports)
      : watched_(watched), reports_(std::move(reports)) {}
  void* watched_;
  ZmqSocketPtr reports_;
};

}  // namespace rollback
