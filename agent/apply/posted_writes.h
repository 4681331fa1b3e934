// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "agent/capture/read_pool.h"
#include "core/result.h"

namespace rollback {

// Files that threads are writing. After the first failure those not yet begun are left out.
class PostedWrites {
 public:
  explicit PostedWrites(ReadPool& pool) : pool_(pool) {}
  ~PostedWrites() { (void)wait(); }  // whoever goes early has an error of its own
  PostedWrites(const PostedWrites&) = delete;
  PostedWrites& operator=(const PostedWrites&) = delete;

  void add(std::uint64_t bytes, std::function<Status()> write) {
    {
      const std::lock_guard lock(mutex_);
      if (!outcome_) return;
      ++open_;
    }
    pool_.post(bytes, [this, write = std::move(write)] { run(write); });
  }
  // All that were added are done.
  Status wait() {
    std::unique_lock lock(mutex_);
    none_open_.wait(lock, [&] { return open_ == 0; });
    return outcome_;
  }

 private:
  void run(const std::function<Status()>& write) {
    std::unique_lock lock(mutex_);
    if (outcome_) {
      lock.unlock();
      auto status = write();
      lock.lock();
      if (!status && outcome_) outcome_ = std::move(status);
    }
    if (--open_ == 0) none_open_.notify_all();
  }

  ReadPool& pool_;
  std::mutex mutex_;
  std::condition_variable none_open_;
  std::size_t open_ = 0;
  Status outcome_;
};

}  // namespace rollback
