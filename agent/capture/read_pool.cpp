// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/read_pool.h"

#include <utility>

namespace rollback {

namespace {

constexpr std::size_t kMostJobs = 1024;  // of empty files there is no end

}  // namespace

ReadPool::ReadPool(std::size_t threads) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

ReadPool::~ReadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ReadPool::post(std::uint64_t bytes, std::function<void()> job) {
  if (threads_.empty()) return job();
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock,
               [&] { return jobs_ == 0 || (jobs_ < kMostJobs && held_ + bytes <= kMaxHeld); });
    held_ += bytes;
    ++jobs_;
    queue_.push_back({bytes, std::move(job)});
  }
  ready_.notify_one();
}

void ReadPool::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job.run();
    job.run = nullptr;  // what it holds goes before its room is given away
    lock.lock();
    held_ -= job.bytes;
    --jobs_;
    room_.notify_one();
  }
}

}  // namespace rollback
