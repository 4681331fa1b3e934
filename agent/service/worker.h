// SPDX-License-Identifier: Apache-2.0
// One named thread with a bounded queue. The loop thread posts jobs and asks whether the running
// one is overdue; it never waits for a job.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/clock.h"
#include "core/memory.h"
#include "core/result.h"

namespace rollback {

inline constexpr std::size_t kMostQueued = 16;

class Worker {
 public:
  // `rest` comes after each job, to let go of what it took.
  Worker(std::string name, const Clock& clock, std::size_t max_queued = kMostQueued,
         std::function<void()> rest = release_free_memory);
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  struct Job {
    std::string what;     // for kBusy: "rollback to v2.4.1 by root (uid 0)"
    Duration deadline{};  // longer means the thread hangs and the watchdog must bite
    std::function<void()> run;
  };
  // kBusy when the queue is full; the message names the running job.
  Status post(Job job);
  // Runs what is queued and joins. Takes nothing afterwards.
  void stop();
  // What is running or waiting first, if anything.
  [[nodiscard]] std::optional<std::string> current() const;
  [[nodiscard]] bool overdue() const;

 private:
  void loop();

  const std::string name_;
  const Clock& clock_;
  const std::size_t max_queued_;
  const std::function<void()> rest_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> queue_;
  std::optional<Job> running_;
  BootTime began_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace rollback
