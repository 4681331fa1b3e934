// SPDX-License-Identifier: Apache-2.0
// A run over many hosts, as operators see it and as the coordinator stores it.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "model/run.h"

namespace rollback {

// Numbers are stored.
enum class RolloutState {
  kPreparing = 1,  // every host resolves, checks and stages; nothing live is touched
  kWaving = 2,     // waves are being committed
  kPaused = 3,     // more than --max-fail hosts failed; locks kept
  kUndoing = 4,    // hosts that succeeded are taken back
  kDone = 5,
};
std::string_view to_string(RolloutState state) noexcept;

enum class HostPhase {
  kWaiting = 1,
  kPreparing = 2,
  kReady = 3,    // prepared, with a plan digest
  kUnready = 4,  // refused in preflight
  kMissing = 5,  // does not have the release
  kOffline = 6,
  kCommitting = 7,  // told to go; must end in one of the following
  kDone = 8,        // on target and verified
  kRestored = 9,    // failed, back on its origin
  kInconsistent = 10,
  kUndoing = 11,
  kUndone = 12,   // taken back after it had succeeded
  kSkipped = 13,  // its wave never came
  kUnknown = 14,  // no answer within the deadline
};
std::string_view to_string(HostPhase phase) noexcept;

enum class OnFailure { kPause = 1, kStop = 2, kUndo = 3, kContinue = 4 };
std::string_view to_string(OnFailure policy) noexcept;
Result<OnFailure> parse_on_failure(std::string_view text);

// "3" hosts or "10%" of the selected hosts, rounded up where it is a batch, down where a limit.
struct Amount {
  std::uint32_t value = 0;
  bool percent = false;
  static Result<Amount> parse(std::string_view text);
  [[nodiscard]] std::string str() const;
  [[nodiscard]] std::size_t of_rounded_up(std::size_t hosts) const;
  [[nodiscard]] std::size_t of_rounded_down(std::size_t hosts) const;
  bool operator==(const Amount&) const = default;
};

enum class ShortfallPolicy {
  kFail = 1,
  kSkip = 2
};  // what an unready, missing, offline host means

struct RolloutPolicy {
  std::vector<Amount> batches = {{1, false}, {10, true}, {50, true}, {100, true}};  // last repeats
  Duration batch_wait = std::chrono::seconds(0);
  Amount max_fail{};  // the run stops when more than this failed
  OnFailure on_failure = OnFailure::kPause;
  ShortfallPolicy unready = ShortfallPolicy::kFail;
  ShortfallPolicy missing = ShortfallPolicy::kFail;
  ShortfallPolicy offline = ShortfallPolicy::kFail;
  Duration timeout = std::chrono::minutes(5);  // of the whole run
  Duration confirm{};  // a host that reaches nobody for so long goes back; 0: it does not
};

struct RolloutHost {
  HostId id;
  std::string name;
  HostPhase phase = HostPhase::kWaiting;
  RunPhase run_phase = RunPhase::kPlanned;  // where the host is within its own run
  std::uint32_t wave = 0;                   // from 1; 0 before waves are made
  bool changed = false;
  std::uint32_t attempts = 0;  // times it was told to prepare
  Digest plan_digest;
  std::vector<std::string> findings;  // why unready, why its gate was red
  std::vector<PhaseTime> times;
};

struct RolloutRecord {
  RunId id;
  std::string to;
  std::string actor;
  std::string reason;
  RolloutPolicy policy;
  RolloutState state = RolloutState::kPreparing;
  std::uint32_t wave = 0;  // the wave being committed, from 1
  WallTime next_wave;      // it starts then (batch wait); 0: at once
  bool aborted = false;    // an operator ended it
  bool dry_run = false;
  WallTime started;
  WallTime resumed;   // the last resume or undo, from which the budget counts anew; 0: none
  WallTime finished;  // 0 while running
  int exit_code = 0;
  std::vector<RolloutHost> hosts;

  // policy.timeout counts from here: a pause is not the run's time.
  [[nodiscard]] WallTime budget_begin() const { return std::max(started, resumed); }
};

}  // namespace rollback
