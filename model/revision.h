// SPDX-License-Identifier: Apache-2.0
// The release history of a host: revisions, append-only entries, and what follows from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "model/snapshot.h"

namespace rollback {

// "v2.4.1@2": label and number (from 1); or "run:ID": what that run replaced (its origin).
class RevisionName {
 public:
  static RevisionName of_release(const ReleaseLabel& label, std::uint32_t number);
  static RevisionName of_run(const RunId& run);
  // Accepts "v2.4.1" (number 0: the newest good one), "v2.4.1@2", "run:ID".
  static Result<RevisionName> parse(std::string_view text);

  [[nodiscard]] const std::string& label() const noexcept { return label_; }  // without "@n"
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] bool is_run() const noexcept { return label_.starts_with("run:"); }
  // "v2.4.1" for number 0 and 1, "v2.4.1@2" above.
  [[nodiscard]] std::string str() const;
  auto operator<=>(const RevisionName&) const = default;

 private:
  RevisionName(std::string label, std::uint32_t number)
      : label_(std::move(label)), number_(number) {}
  std::string label_;
  std::uint32_t number_ = 0;
};

struct Revision {
  RevisionName name;
  SnapshotId snapshot;
  Digest content_root;
  WallTime recorded;
  bool healthy = true;  // false: recorded with --unhealthy-ok
  std::string git_ref;  // commit, tag or branch it was built from, as the operator said; "" if not
};

// At most 200 bytes of visible ASCII that does not begin with '-'; kInvalid says so.
Status check_git_ref(std::string_view text);

// Numbers are stored. What marks a revision and what removed it names it in `to`.
enum class HistoryAction {
  kSnapshot = 1,
  kRollback = 2,
  kUndo = 3,
  kPin = 4,
  kUnpin = 5,
  kBlock = 6,
  kUnblock = 7,
  kImport = 8,  // from an archive; where the host is does not change
  kPrune = 9,
  kDeploy = 10,  // like kSnapshot; what did not end well is recorded as failed
};
std::string_view to_string(HistoryAction action) noexcept;

// Numbers are stored. kSucceeded: on target, verified. kRestored: failed and back on origin.
// kFailed: failed and left as it is, as was asked for.
enum class RunOutcome {
  kRunning = 1,
  kSucceeded = 2,
  kRefused = 3,
  kRestored = 4,
  kInconsistent = 5,
  kForgotten = 6,
  kFailed = 7,
};
std::string_view to_string(RunOutcome outcome) noexcept;

struct HistoryEntry {
  std::uint64_t seq = 0;  // from 1, without gaps
  WallTime time;
  HistoryAction action = HistoryAction::kSnapshot;
  std::string actor;  // "root (uid 0)", "coordinator: ops"
  std::string reason;
  std::string from;  // revision name; "" when unknown
  std::string to;
  std::string run;  // run id in hex; "" for what is no run
  RunOutcome outcome = RunOutcome::kSucceeded;
};

enum class ReleaseStatus {
  kDeployed = 1,    // what the host is on
  kSuperseded = 2,  // a newer revision of the same release exists: a target only by "@n"
  kAvailable = 3,   // left for another release: a target
  kFailed = 4,      // recorded while red
  kRolledBack = 5,  // left by a rollback: blocked until unblock
  kInconsistent = 6,
};
std::string_view to_string(ReleaseStatus status) noexcept;

struct RevisionStatus {
  Revision revision;
  ReleaseStatus status = ReleaseStatus::kAvailable;
  bool blocked = false;       // no target: a rollback left it, or an operator said so
  bool pinned = false;        // never pruned
  std::string blocked_why{};  // who blocked it and what was said; "" when it is not blocked
};

// A target by its label: deployed, available or to be tried again, and not blocked.
bool is_good(const RevisionStatus& revision) noexcept;

// Pure function of the history. Order: oldest first. Revisions of runs are included as kAvailable.
std::vector<RevisionStatus> revision_statuses(const std::vector<Revision>& revisions,
                                              const std::vector<HistoryEntry>& history);

// What `--to NAME` means: the exact revision for "@n" and "run:", else the newest good one.
// kNotFound names the releases there are. A blocked or failed one is refused with kConflict.
Result<Revision> resolve_target(const RevisionName& name, const std::vector<RevisionStatus>& known);
// kNotFound: `what`, and the newest releases there are.
Failure revision_not_found(const std::string& what, const std::vector<RevisionStatus>& known);
// What `--previous` means: the newest good release that is not the deployed one.
Result<Revision> previous_target(const std::vector<RevisionStatus>& known);

}  // namespace rollback
