// SPDX-License-Identifier: Apache-2.0
// How answers made on any thread reach the loop thread, which alone owns the transports. A Stream
// is one command's answers: it numbers them and ends with exactly one End.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "protocol/messages.h"
#include "protocol/unix_channel.h"

namespace rollback {

struct ToLink {
  bool operator==(const ToLink&) const = default;
};
using Destination = std::variant<ConnectionId, ToLink>;

struct Outgoing {
  Destination to;
  Reply reply;
};

// Thread-safe. `wake` makes the loop drain.
class Outbox {
 public:
  explicit Outbox(std::function<void()> wake) : wake_(std::move(wake)) {}
  void push(Outgoing outgoing) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(outgoing));
    }
    wake_();
  }
  std::deque<Outgoing> drain() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::deque<Outgoing> waiting_;
};

// One command's answers. Used by one thread at a time (handed over with the job).
class Stream {
 public:
  Stream(Outbox& outbox, Destination to, CommandId command)
      : outbox_(outbox), to_(to), command_(command) {}
  void send(ReplyBody body) {
    if (ended_) return;  // a stream has one End, and nothing after it
    ended_ = std::holds_alternative<End>(body);
    outbox_.push({to_, Reply{command_, ++index_, {}, std::move(body)}});
  }
  void note(EventLevel level, std::string text) { send(Line{level, std::move(text)}); }
  void end(ExitCode code, bool changed) { send(End{code, changed, std::nullopt}); }
  void fail(ExitCode code, Error error) { send(End{code, false, std::move(error)}); }
  [[nodiscard]] const CommandId& command() const noexcept { return command_; }
  [[nodiscard]] const Destination& to() const noexcept { return to_; }

 private:
  Outbox& outbox_;
  Destination to_;
  CommandId command_;
  std::uint64_t index_ = 0;
  bool ended_ = false;
};
using StreamPtr = std::shared_ptr<Stream>;

}  // namespace rollback
