// SPDX-License-Identifier: Apache-2.0
// Removes what nothing refers to any more on a thread of its own: minutes of reading and writing
// that a rollback never waits for.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "agent/service/worker.h"
#include "agent/store/retention.h"

namespace rollback {

class Pruner {
 public:
  using Done = std::function<void(const Result<Swept>&)>;
  // `log`: what went wrong where nobody waits. Any thread.
  Pruner(Retention& retention, const Clock& clock, std::function<void(const std::string&)> log);
  // Ends what is at work; the next start goes on with it.
  ~Pruner() { stop_ = true; }
  Pruner(const Pruner&) = delete;
  Pruner& operator=(const Pruner&) = delete;

  // plan() and remove(): run thread.
  [[nodiscard]] Retention& retention() const noexcept { return retention_; }
  // Any thread. `done` is called on the pruner's, or not at all when this is kBusy.
  Status sweep(GiveBack give_back, Done done);
  // Goes on where a process before this one ended.
  Status resume();

 private:
  Retention& retention_;
  std::function<void(const std::string&)> log_;
  std::atomic<bool> stop_ = false;
  Worker worker_;  // last: its thread uses the others
};

}  // namespace rollback
