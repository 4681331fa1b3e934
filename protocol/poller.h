// SPDX-License-Identifier: Apache-2.0
// One wait for everything a loop thread listens to: descriptors and ZeroMQ sockets.
// Single-threaded, except wake(). Callbacks may watch and forget anything, themselves included;
// what is forgotten is not called any more, also not in the same round. Forget a descriptor before
// closing it.
#pragma once

#include <functional>
#include <memory>

#include "core/clock.h"
#include "core/result.h"

namespace rollback {

// What a link's socket looks like to the poller; hides the library's handle.
class Pollable {
 public:
  virtual ~Pollable() = default;
  virtual void* zmq_handle() noexcept = 0;
};

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  enum class Interest { kRead, kReadWrite };
  // A second watch of the same one replaces the first. A closed or failed peer counts as ready.
  void watch(int fd, Interest interest, std::function<void()> ready);
  void watch(Pollable& socket, std::function<void()> ready);
  void forget(int fd);
  void forget(Pollable& socket);
  // Runs `ready` of what is ready; returns after one round, `timeout` or wake().
  Status poll(Duration timeout);
  // Makes the current or next poll return. Any thread, also a signal handler.
  void wake() noexcept;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace rollback
