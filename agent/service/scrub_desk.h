// SPDX-License-Identifier: Apache-2.0
// Checks of the whole store, one at a time, on a thread of their own: they take long and only read,
// so neither a rollback nor a `history` waits for one. A check ends when its asker is gone or the
// agent stops; the next one goes on from there (agent/store/scrub.h). Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "agent/service/outbox.h"
#include "agent/service/worker.h"
#include "agent/store/scrub_mark.h"

namespace rollback {

class ScrubDesk {
 public:
  ScrubDesk(Database& database, const Clock& clock);
  ~ScrubDesk();  // stops the check and waits for it

  // `check` runs on the desk's thread. kBusy while another one is at work.
  Status begin(const Destination& asker, std::function<void()> check);
  // Said by the check when it has its result, before it answers: whoever reads the answer may ask
  // for the next one.
  void done();
  // Nobody listens there any more.
  void forget(const Destination& asker);
  void stop();  // of the agent: ends the check and waits for it; none begins afterwards
  // Called by the check: waits until then. True: it is to end.
  bool pause(BootTime until);
  // The same for a check of one release, which is at work on another thread: true when the agent
  // ends.
  bool wait(BootTime until);
  // When a deep check of the whole store last came to its end; 0: never. Answers at once.
  [[nodiscard]] WallTime verified() const noexcept { return WallTime{verified_}; }

 private:
  void look_up_verified();
  bool wait_for(BootTime until, const bool& end);

  const ScrubMarks marks_;
  const Clock& clock_;
  std::atomic<std::int64_t> verified_ = 0;
  std::mutex mutex_;
  std::condition_variable ending_;
  std::optional<Destination> asker_;  // of the check at work
  bool end_ = false;                  // of the check at work
  bool stopped_ = false;
  int jobs_ = 0;   // posted, and not over yet
  Worker thread_;  // the last member: its job uses the others
};

}  // namespace rollback
