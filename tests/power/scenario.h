// SPDX-License-Identifier: Apache-2.0
// Runs of the engine on a recorded disk, with what its caller may rely on at each moment of them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/agent/apply/files_scene.h"
#include "tests/power/crash_rig.h"
#include "tests/power/sync_layer.h"

namespace rollback {

enum class Ends { kOrigin = 1, kTarget = 2, kEither = 3 };
enum class JournalIs { kOpen = 1, kKept = 2, kGone = 3 };

// From event `from` of the log on: what a host is after recovery. Journal: whether recovery must
// find a run (kKept) or none (kGone).
struct Promise {
  std::size_t from = 0;
  Ends ends = Ends::kEither;
  JournalIs journal = JournalIs::kOpen;
};
// The last that was given before a cut after so many events.
const Promise& promise_at(const std::vector<Promise>& promises, std::size_t cut);

// The managed tree with all that a plan compares, times included.
struct Seen {
  Digest content_root;
  Snapshot snapshot;
  Manifest manifest;
  bool operator==(const Seen&) const = default;
};
// Where the first difference is, for people; "" when there is none.
std::string first_difference(const Seen& from, const Seen& to);

// Everything on the disk that no run manages: type, mode and content by path.
using Neighbours = std::map<std::string, std::string>;

struct Recording {
  WriteLog log;     // from the mount on
  int dropped = 0;  // syncs
  std::vector<Promise> promises;
  Seen origin;
  std::optional<Seen> target;  // of a run that got there
  Neighbours neighbours;
};

// A scene on the disk of a rig.
class PowerScene {
 public:
  PowerScene(CrashRig& rig, std::uint64_t seed, SyncPolicy policy);

  [[nodiscard]] Seen seen() const;
  [[nodiscard]] Neighbours neighbours() const;
  [[nodiscard]] const Scene& scene() const noexcept { return *scene_; }
  [[nodiscard]] const SyncPolicy& policy() const noexcept { return policy_; }

 private:
  CrashRig& rig_;
  const SyncPolicy policy_;
  std::unique_ptr<Scene> scene_;
};

struct Scenario {
  std::string name;
  SyncPolicy policy;
  // Gives the promises; throws when the engine fails.
  void (*run)(const PowerScene& host, Syscalls& calls, SeededRandom& random, RecordedDisk& disk,
              std::vector<Promise>& promises);
};
// Commits, undone commits and recoveries; small ones and, "-at-once", as large ones are synced.
const std::vector<Scenario>& every_scenario();
const Scenario& scenario(const std::string& name);  // of these

// Whether other programs of the host sync in the middle of the run.
enum class Others { kQuiet = 1, kSync = 2 };

struct RecordOrder {
  Others others = Others::kQuiet;
  std::function<bool(const SyncCall&)> drops;  // syncs that the engine has lost
};

// Runs it on the rig, whose disk then begins where the scenario did.
Recording record(CrashRig& rig, const PowerScene& host, const Scenario& what, std::uint64_t seed,
                 const RecordOrder& order = {});

}  // namespace rollback
