// SPDX-License-Identifier: Apache-2.0
// A deploy on this host, which is a command of somebody else: where the host was is recorded before
// it, and the host is held until its end is decided. A good end is recorded as the release. A bad
// one is recorded as failed, for whoever wants to know why, and taken back, with everything that
// the command left in managed paths. Called from the run thread, except open().
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "agent/apply/rollback.h"
#include "agent/platform/scopes.h"
#include "model/deploy.h"

namespace rollback {

struct DeployOrder {
  RunId run;
  ReleaseLabel label;
  std::string git_ref;
  std::string actor;
  std::string reason;
  std::uint32_t pid = 0;  // goes into a scope and waits there for its command; 0: none
  Duration timeout{};     // from now until end()
  bool undo = true;
};

// How a deploy came to its end.
struct DeployEnd {
  bool aborted = false;
  std::optional<std::int32_t> exit_code;  // of the command
  std::string why;                        // nobody told: what was seen instead
};

class DeployEngine {
 public:
  // All outlive the object.
  DeployEngine(const RunDeps& deps, const Live& live, RollbackEngine& rollbacks, Scopes& scopes)
      : deps_(deps), live_(live), rollbacks_(rollbacks), scopes_(scopes) {}

  // Holds the host again for a deploy that an agent before this one began.
  Status resume();
  // Refusals hold nothing: kBusy, kIo (no scope), and what a capture refuses.
  Result<RunRecord> begin(const DeployOrder& order, RunListener& listener);
  // Gate, then record or undo; ends with a record, whatever its outcome. kNotFound: none is open.
  Result<RunRecord> end(const DeployEnd& end, RunListener& listener);
  // Call about once a second: the end of a deploy that nobody will tell. nullopt: it goes on.
  std::optional<DeployEnd> overdue();
  [[nodiscard]] std::optional<Deploy> open() const;  // any thread

 private:
  void set_open(std::optional<Deploy> deploy);
  void close(RunRecord& record);

  const RunDeps deps_;
  const Live live_;
  RollbackEngine& rollbacks_;
  Scopes& scopes_;
  mutable std::mutex mutex_;  // guards open_
  std::optional<Deploy> open_;
  std::optional<BootTime> empty_since_;  // the scope
};

}  // namespace rollback
