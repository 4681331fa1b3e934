// SPDX-License-Identifier: Apache-2.0
// Everybody who watches a run reads the same stored list of events: whoever asks first, who
// reconnects and who comes later. Also where a running run is told to end. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "agent/apply/rollback.h"
#include "agent/service/outbox.h"
#include "agent/store/run_store.h"

namespace rollback {

class RunHub final : public RunListener {
 public:
  RunHub(RunStore& runs, const Clock& clock) : runs_(runs), clock_(clock) {}

  // The run thread is about to work on `run`; `stream` gets its events, its record and an End.
  void begin(const RunId& run, StreamPtr stream);
  // Stored events from number `from` on, then new ones; at once the record and an End when it is
  // over.
  void watch(const RunId& run, std::uint64_t from, StreamPtr stream);
  // Sends the record and an End to everybody who watches.
  void finish(const RunRecord& record, std::optional<Error> error);
  // Sends nothing more to streams of a closed connection.
  void forget(const Destination& destination);
  // kNotFound when that run is not running now.
  Status abort(const RunId& run);
  // The run that waits for it, whose id begins with `prefix`; kNotFound when none does.
  Result<RunId> confirm(const std::string& prefix);
  [[nodiscard]] std::optional<RunId> running() const;
  [[nodiscard]] RunPhase phase() const;

  // RunListener, called from the run thread.
  void on_event(const RunId& run, const RunEvent& event) override;
  bool wait(BootTime until) override;
  bool wait_confirmed(const RunId& run, BootTime until,
                      const std::function<bool()>& contact) override;

 private:
  struct Watcher {
    StreamPtr stream;
    std::uint64_t next;  // number of the first event it has not got
  };
  RunStore& runs_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable aborted_changed_;
  std::optional<RunId> running_;
  RunPhase phase_ = RunPhase::kDone;
  bool aborted_ = false;
  std::optional<RunId> unconfirmed_;
  std::multimap<RunId, Watcher> watchers_;
};

}  // namespace rollback
