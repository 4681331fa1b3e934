// SPDX-License-Identifier: Apache-2.0
// The phases of a run: which may follow which, and what a crash in each means. Data, checked at
// compile time.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "model/run.h"

namespace rollback {

enum class Resume {
  kForget = 1,   // nothing live was touched
  kUndo = 2,     // idempotent, safe to repeat
  kConfirm = 3,  // only the last records are missing
  kNothing = 4,
  kWait = 5,  // to be confirmed, or for the time to run out
};

// No default: a phase without a row does not compile (-Wswitch).
constexpr std::optional<Resume> resume_after_crash(RunPhase phase) {
  switch (phase) {
    case RunPhase::kPlanned:
    case RunPhase::kPreflight:
    case RunPhase::kStaged:
      return Resume::kForget;
    case RunPhase::kQuiescing:
    case RunPhase::kCommitting:
    case RunPhase::kActivating:
    case RunPhase::kGating:
    case RunPhase::kVerifying:
    case RunPhase::kUndoing:
      return Resume::kUndo;
    case RunPhase::kVerified:
      return Resume::kConfirm;
    case RunPhase::kConfirming:
      return Resume::kWait;
    case RunPhase::kDone:
    case RunPhase::kDeploying:  // in no journal: its undo is a run of its own
      return Resume::kNothing;
  }
  return std::nullopt;
}

inline constexpr std::array kEveryPhase = {
    RunPhase::kPlanned,    RunPhase::kPreflight,  RunPhase::kStaged, RunPhase::kQuiescing,
    RunPhase::kCommitting, RunPhase::kActivating, RunPhase::kGating, RunPhase::kVerifying,
    RunPhase::kVerified,   RunPhase::kUndoing,    RunPhase::kDone,   RunPhase::kConfirming};

inline constexpr std::array kTransitions = {
    std::pair{RunPhase::kPlanned, RunPhase::kPreflight},
    std::pair{RunPhase::kPreflight, RunPhase::kStaged},
    std::pair{RunPhase::kStaged, RunPhase::kQuiescing},
    std::pair{RunPhase::kQuiescing, RunPhase::kCommitting},
    std::pair{RunPhase::kCommitting, RunPhase::kActivating},
    std::pair{RunPhase::kActivating, RunPhase::kGating},
    std::pair{RunPhase::kGating, RunPhase::kVerifying},
    std::pair{RunPhase::kVerifying, RunPhase::kVerified},
    std::pair{RunPhase::kVerifying, RunPhase::kConfirming},
    std::pair{RunPhase::kConfirming, RunPhase::kVerified},
    std::pair{RunPhase::kConfirming, RunPhase::kUndoing},
    std::pair{RunPhase::kQuiescing, RunPhase::kUndoing},
    std::pair{RunPhase::kCommitting, RunPhase::kUndoing},
    std::pair{RunPhase::kActivating, RunPhase::kUndoing},
    std::pair{RunPhase::kGating, RunPhase::kUndoing},
    std::pair{RunPhase::kVerifying, RunPhase::kUndoing},
    std::pair{RunPhase::kUndoing, RunPhase::kUndoing},  // recovery repeats it
    std::pair{RunPhase::kPlanned, RunPhase::kDone},     // forgotten
    std::pair{RunPhase::kPreflight, RunPhase::kDone},
    std::pair{RunPhase::kStaged, RunPhase::kDone},
    std::pair{RunPhase::kVerified, RunPhase::kDone},
    std::pair{RunPhase::kUndoing, RunPhase::kDone},
};

constexpr bool may_follow(RunPhase from, RunPhase to) {
  return std::any_of(kTransitions.begin(), kTransitions.end(), [&](const auto& transition) {
    return transition.first == from && transition.second == to;
  });
}

constexpr bool every_phase_has_a_resume() {
  return std::all_of(kEveryPhase.begin(), kEveryPhase.end(),
                     [](RunPhase phase) { return resume_after_crash(phase).has_value(); });
}
static_assert(every_phase_has_a_resume());

// A phase whose crash is undone can be left for the undoing.
constexpr bool every_undo_is_reachable() {
  return std::all_of(kEveryPhase.begin(), kEveryPhase.end(), [](RunPhase phase) {
    const auto resume = resume_after_crash(phase);
    return (resume != Resume::kUndo && resume != Resume::kWait) ||
           may_follow(phase, RunPhase::kUndoing);
  });
}
static_assert(every_undo_is_reachable());
static_assert(!may_follow(RunPhase::kVerified, RunPhase::kUndoing));

}  // namespace rollback
