// SPDX-License-Identifier: Apache-2.0
// The local door: a unix stream socket with SO_PEERCRED. A frame is a 4-byte little-endian length
// and as many bytes, at most WireLimits::kMaxFrame; a longer length closes the connection. One
// request frame (an Envelope) at a time; answers are Reply frames. A client that closes its writing
// half is gone. With a request frame's bytes one descriptor may come (SCM_RIGHTS), where the door
// takes them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/descriptor.h"
#include "core/result.h"
#include "protocol/permissions.h"
#include "protocol/poller.h"

namespace rollback {

using ConnectionId = std::uint64_t;

struct DoorLimits {
  std::size_t max_connections = 64;
  std::size_t max_strangers = 16;                   // of these, so that they cannot lock it
  std::size_t max_queued_bytes = 16 * 1024 * 1024;  // per connection; a slower reader is dropped
  Duration idle = std::chrono::seconds(30);         // without a complete first request
};

struct DoorCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;    // no room
  std::uint64_t malformed = 0;  // oversized or truncated frames, descriptors nobody takes
};

struct DoorOptions {
  std::string path;
  std::uint32_t mode = 0660;                  // of the socket file
  std::optional<std::uint32_t> operator_gid;  // also becomes the socket file's group
  DoorLimits limits;
  bool takes_descriptors = false;  // one for each frame; who sends another is dropped
};

// Accepts connections and moves frames, on one Poller's thread. The callbacks run from
// Poller::poll() and drop_idle() only, never from send(); they may call every method, but must not
// destroy the door.
class UnixDoor {
 public:
  // The principal is kOperator for uid 0 and for members of `operator_gid`, else kStranger.
  using OnFrame = std::function<void(ConnectionId, const Principal&, std::string frame)>;
  using OnClose = std::function<void(ConnectionId)>;

  // kBusy: somebody listens on the path already. A socket file left behind is replaced, any other
  // file is kExists.
  static Result<std::unique_ptr<UnixDoor>> listen(Poller& poller, const Clock& clock,
                                                  const DoorOptions& options, OnFrame on_frame,
                                                  OnClose on_close);
  ~UnixDoor();
  // Queues a frame; kNotFound when the connection is gone, kBusy when its queue was full (it is
  // closed, and on_close follows).
  Status send(ConnectionId to, std::string_view frame);
  [[nodiscard]] std::size_t connections() const noexcept;
  // Bytes that the client has not taken yet; 0 when it is gone.
  [[nodiscard]] std::size_t queued(ConnectionId connection) const;
  void close_after_sending(ConnectionId connection);
  void drop_idle();  // call about once a second
  // What came with the frame that on_frame is given now: once, and none at any other time.
  Descriptor take_descriptor();
  [[nodiscard]] const DoorCounters& counters() const noexcept;

 private:
  class Inner;
  explicit UnixDoor(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// The client's end: blocking, with deadlines. One thread.
class UnixClient {
 public:
  // kNotFound: nobody listens there. kDenied: the socket file does not let us in.
  static Result<UnixClient> connect(const std::string& path);
  UnixClient(UnixClient&& other) noexcept;
  UnixClient& operator=(UnixClient&& other) noexcept;
  ~UnixClient();
  // kTimeout when the daemon takes nothing for 10 s. `descriptor` goes with it; -1: none.
  Status send(std::string_view frame, int descriptor = -1);
  // kTimeout when nothing whole came within `deadline`; kNotFound when the other side closed.
  Result<std::string> receive(Duration deadline);
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  explicit UnixClient(int fd) : fd_(fd) {}
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace rollback
