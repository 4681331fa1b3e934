// SPDX-License-Identifier: Apache-2.0
#include "agent/service/worker.h"

#include <pthread.h>

#include <utility>

namespace rollback {

Worker::Worker(std::string name, const Clock& clock, std::size_t max_queued,
               std::function<void()> rest)
    : name_(std::move(name)),
      clock_(clock),
      max_queued_(max_queued),
      rest_(std::move(rest)),
      thread_([this] { loop(); }) {}

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status Worker::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(ErrorCode::kBusy, "the agent is stopping");
    if (queue_.size() >= max_queued_)
      return fail(ErrorCode::kBusy, "too many requests are waiting behind '" +
                                        (running_ ? running_->what : queue_.front().what) +
                                        "'; try again when it has ended");
    queue_.push_back(std::move(job));
  }
  ready_.notify_one();
  return {};
}

std::optional<std::string> Worker::current() const {
  const std::lock_guard lock(mutex_);
  if (running_) return running_->what;
  if (!queue_.empty()) return queue_.front().what;
  return std::nullopt;
}

bool Worker::overdue() const {
  const std::lock_guard lock(mutex_);
  return running_ && clock_.boot() - began_ > running_->deadline;
}

void Worker::loop() {
  pthread_setname_np(pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    running_ = std::move(queue_.front());
    queue_.pop_front();
    began_ = clock_.boot();
    lock.unlock();
    running_->run();
    running_->run = nullptr;
    rest_();
    lock.lock();
    running_.reset();
  }
}

}  // namespace rollback
