// SPDX-License-Identifier: Apache-2.0
// The answers to one command of an operator's connection. When the connection closes, what was
// asked goes on and its answers go nowhere. Loop thread only.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/rollout/watcher.h"
#include "protocol/unix_channel.h"

namespace rollback {

class OperatorStream final : public Watcher {
 public:
  OperatorStream(UnixDoor& door, ConnectionId to, const CommandId& command)
      : door_(&door), to_(to), command_(command) {}

  void send(const std::string& host, ReplyBody body) override;
  [[nodiscard]] bool is_gone() const override { return door_ == nullptr || ended_; }
  void close() { door_ = nullptr; }

 private:
  UnixDoor* door_;  // null once the connection is closed
  ConnectionId to_;
  CommandId command_;
  std::uint64_t index_ = 0;
  bool ended_ = false;
};

}  // namespace rollback
