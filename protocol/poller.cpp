// SPDX-License-Identifier: Apache-2.0
#include "protocol/poller.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

namespace rollback {

namespace {

using Callback = std::shared_ptr<const std::function<void()>>;

struct Watch {
  std::uint64_t id = 0;  // never reused, so that a round notices what was forgotten meanwhile
  int fd = -1;
  Pollable* socket = nullptr;
  short events = ZMQ_POLLIN;
  Callback ready;  // shared: a callback may forget itself while it runs
};

// Whole milliseconds, rounded up: waking early would make callers spin until their deadline.
long to_milliseconds(Duration timeout) {
  if (timeout <= Duration::zero()) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return std::min<long>(ms, std::numeric_limits<int>::max());
}

}  // namespace

struct Poller::Inner {
  int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int wake_error = wake_fd < 0 ? errno : 0;
  std::uint64_t next_id = 1;
  std::vector<Watch> watches;

  void add(int fd, Pollable* socket, short events, std::function<void()> ready) {
    remove(fd, socket);
    watches.push_back({next_id++, fd, socket, events,
                       std::make_shared<const std::function<void()>>(std::move(ready))});
  }

  void remove(int fd, const Pollable* socket) {
    std::erase_if(watches,
                  [&](const Watch& watch) { return watch.fd == fd && watch.socket == socket; });
  }

  [[nodiscard]] Callback find(std::uint64_t id) const {
    const auto found = std::find_if(watches.begin(), watches.end(),
                                    [id](const Watch& watch) { return watch.id == id; });
    return found == watches.end() ? nullptr : found->ready;
  }
};

Poller::Poller() : inner_(std::make_unique<Inner>()) {}

Poller::~Poller() {
  if (inner_->wake_fd >= 0) ::close(inner_->wake_fd);
}

void Poller::watch(int fd, Interest interest, std::function<void()> ready) {
  const auto events = interest == Interest::kReadWrite ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
  inner_->add(fd, nullptr, static_cast<short>(events), std::move(ready));
}

void Poller::watch(Pollable& socket, std::function<void()> ready) {
  inner_->add(-1, &socket, ZMQ_POLLIN, std::move(ready));
}

void Poller::forget(int fd) { inner_->remove(fd, nullptr); }
void Poller::forget(Pollable& socket) { inner_->remove(-1, &socket); }

Status Poller::poll(Duration timeout) {
  if (inner_->wake_fd < 0) return fail_errno(inner_->wake_error, "eventfd for the event loop");
  std::vector<zmq_pollitem_t> items{{nullptr, inner_->wake_fd, ZMQ_POLLIN, 0}};
  std::vector<std::uint64_t> ids{0};
  for (const Watch& watch : inner_->watches) {
    items.push_back({watch.socket == nullptr ? nullptr : watch.socket->zmq_handle(), watch.fd,
                     watch.events, 0});
    ids.push_back(watch.id);
  }
  const int ready =
      zmq_poll(items.data(), static_cast<int>(items.size()), to_milliseconds(timeout));
  if (ready < 0 && errno != EINTR) return fail_errno(errno, "poll of the event loop");
  if (ready <= 0) return {};
  if (items[0].revents != 0) {
    std::uint64_t wakes = 0;
    (void)!::read(inner_->wake_fd, &wakes, sizeof wakes);  // empty is fine: nothing to clear
  }
  for (std::size_t i = 1; i < items.size(); ++i) {
    if (items[i].revents == 0) continue;
    if (const Callback callback = inner_->find(ids[i])) (*callback)();
  }
  return {};
}

void Poller::wake() noexcept {
  const int saved = errno;  // signal handlers must not change it
  const std::uint64_t one = 1;
  (void)!::write(inner_->wake_fd, &one, sizeof one);  // a full counter wakes as well
  errno = saved;
}

}  // namespace rollback
