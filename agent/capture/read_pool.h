// SPDX-License-Identifier: Apache-2.0
// Threads that read, hash and store the contents of files while the run thread walks directories.
// The bytes that are held at once are bounded: whoever posts waits. They come with the first job
// and go when there was none for a moment, with all they held: an idle agent stays small.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace rollback {

class ReadPool {
 public:
  static constexpr std::uint64_t kMaxHeld = 64ULL << 20;  // bytes; a larger file is held alone

  // At most so many threads; 0: post() does the job itself, in order.
  explicit ReadPool(std::size_t threads) : most_(threads) {}
  ~ReadPool();  // does what is posted, then joins
  ReadPool(const ReadPool&) = delete;
  ReadPool& operator=(const ReadPool&) = delete;

  // `bytes` is what the job is about to hold. A job must not post. Any thread.
  void post(std::uint64_t bytes, std::function<void()> job);

 private:
  struct Job {
    std::uint64_t bytes = 0;
    std::function<void()> run;
  };
  void loop();
  void leave();

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable ready_;  // a job is there, or the end
  std::condition_variable room_;
  std::deque<Job> queue_;
  std::uint64_t held_ = 0;
  std::size_t jobs_ = 0;  // posted and not done
  bool stopping_ = false;
  std::size_t idle_ = 0;  // threads that wait for a job
  std::map<std::thread::id, std::thread> threads_;
  std::vector<std::thread> left_;  // to be joined
};

}  // namespace rollback
