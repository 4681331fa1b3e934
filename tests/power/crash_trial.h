// SPDX-License-Identifier: Apache-2.0
// Power comes back: mounts a crash state as a boot does, recovers, and compares with what was
// promised. Recovers twice, and from some states cuts the power of the recovery too.
#pragma once

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "tests/power/scenario.h"

namespace rollback {

// What was seen of one state.
struct Examined {
  bool mounted = false;
  std::string problem;  // "" when all was kept
  // Of the recovery, for a cut of its own: events before it had answered, and what it decided on.
  std::size_t told = 0;
  Ends ended = Ends::kEither;
};

class CrashTrial {
 public:
  using Layers = std::vector<RecordedDisk::Layer>;

  // All outlive it. `recording` is of `host` on the disk of `rig`, which is not mounted.
  CrashTrial(CrashRig& rig, const PowerScene& host, const Recording& recording)
      : rig_(rig), host_(host), recording_(recording) {}

  Examined examine(const Layers& layers, const Promise& promise);

 private:
  void look(const Promise& promise, Examined& found);
  [[nodiscard]] Ends end_of(const Seen& seen) const;
  [[nodiscard]] std::string unlike_both(const Seen& seen) const;

  CrashRig& rig_;
  const PowerScene& host_;
  const Recording& recording_;
};

struct TrialBudget {
  CrashBudget states;
  std::size_t nested_from = 0;  // of so many states the recovery is cut too
  CrashBudget nested;           // at so many places each
};

struct TrialOutcome {
  std::size_t by_kind[4] = {};  // states by CrashKind
  std::size_t nested = 0;
  std::size_t unmountable = 0;
  struct Problem {
    std::string state;  // "12", or "12.3" of a recovery that was cut
    std::string what;
  };
  std::vector<Problem> problems;
  std::vector<std::uint64_t> fingerprints;
};

// What ends a trial early, and which one state is looked at.
struct TrialLimits {
  std::size_t most_problems = 5;
  std::string only;  // "12", "12.3"
};

TrialOutcome try_states(CrashRig& rig, const PowerScene& host, const Recording& recording,
                        const TrialBudget& budget, std::uint64_t seed,
                        const TrialLimits& limits = {});

}  // namespace rollback
