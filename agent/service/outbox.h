// SPDX-License-Identifier: Apache-2.0
// How answers made on any thread reach the loop thread, which alone owns the transports. A Stream
// is one command's answers: it numbers them and ends with exactly one End.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/messages.h"
#include "protocol/unix_channel.h"

namespace rollback {

struct ToLink {
  auto operator<=>(const ToLink&) const = default;
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
  // Loop thread.
  std::deque<Outgoing> drain() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
    return std::exchange(waiting_, {});
  }
  // Loop thread: who takes its answers more slowly than they are made is `full` until it has caught
  // up or is gone.
  void set_full(const Destination& to, bool full) {
    const std::lock_guard lock(mutex_);
    if (full)
      full_.insert(to);
    else
      full_.erase(to);
    changed_.notify_all();
  }
  // Not on the loop thread, which makes the room. False when there is none and `patience` is used
  // up: so many times a moment passed without any.
  bool wait_for_room(const Destination& to, unsigned& patience) {
    std::unique_lock lock(mutex_);
    const auto has_room = [&] { return waiting_.size() < kMostWaiting && !full_.contains(to); };
    while (!changed_.wait_for(lock, kMoment, has_room)) {
      if (patience == 0) return false;
      --patience;
    }
    return true;
  }

 private:
  static constexpr std::size_t kMostWaiting = 64;  // replies can have 100 KiB and more
  static constexpr std::chrono::milliseconds kMoment{100};

  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Outgoing> waiting_;
  std::set<Destination> full_;
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
  // For lists without a bound, from a worker: waits while who asked does not keep up. After some
  // seconds of that the stream has ended; false then.
  bool send_patiently(ReplyBody body) {
    if (ended_) return false;
    if (!outbox_.wait_for_room(to_, patience_)) {
      fail(ExitCode::kTimedOut, Error{ErrorCode::kTimeout,
                                      "the answer is long and was read too slowly, so the rest of "
                                      "it was left out; write it to a file"});
      return false;
    }
    send(std::move(body));
    return true;
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
  unsigned patience_ = 200;  // moments in all, 20 s: others wait for the thread
};
using StreamPtr = std::shared_ptr<Stream>;

}  // namespace rollback
