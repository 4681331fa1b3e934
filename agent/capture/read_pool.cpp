// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/read_pool.h"

#include <chrono>
#include <utility>

#include "core/memory.h"

namespace rollback {

namespace {

constexpr std::size_t kMostJobs = 1024;  // of empty files there is no end
constexpr std::chrono::milliseconds kPatience{500};

}  // namespace

ReadPool::~ReadPool() {
  std::map<std::thread::id, std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
  }
  ready_.notify_all();
  for (auto& [id, thread] : threads) thread.join();
  for (auto& thread : left_) thread.join();
}

void ReadPool::post(std::uint64_t bytes, std::function<void()> job) {
  if (most_ == 0) return job();
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock,
               [&] { return jobs_ == 0 || (jobs_ < kMostJobs && held_ + bytes <= kMaxHeld); });
    held_ += bytes;
    ++jobs_;
    queue_.push_back({bytes, std::move(job)});
    for (auto& thread : left_) thread.join();
    left_.clear();
    if (idle_ < queue_.size() && threads_.size() < most_) {
      std::thread thread([this] { loop(); });
      threads_.emplace(thread.get_id(), std::move(thread));
    }
  }
  ready_.notify_one();
}

void ReadPool::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    ready_.wait_for(lock, kPatience, [&] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return leave();
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

// Locked. The destructor has taken the threads that it waits for.
void ReadPool::leave() {
  if (stopping_) return;
  left_.push_back(std::move(threads_.extract(std::this_thread::get_id()).mapped()));
  if (threads_.empty()) release_after_large_work();
}

}  // namespace rollback
