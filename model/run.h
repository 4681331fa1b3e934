// SPDX-License-Identifier: Apache-2.0
// One execution on a host: durable, with a stored sequence of events that every watcher reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "model/revision.h"

namespace rollback {

// Numbers are stored in the journal; never reuse one.
enum class RunPhase {
  kPlanned = 1,
  kPreflight = 2,
  kStaged = 3,     // prepared: nothing live was touched
  kQuiescing = 4,  // units are being stopped
  kCommitting = 5,
  kActivating = 6,
  kGating = 7,
  kVerifying = 8,
  kVerified = 9,  // only the last record is missing
  kUndoing = 10,
  kDone = 11,
  kDeploying = 12,   // a command of somebody else is at work; never in a journal
  kConfirming = 13,  // on the target; taken back unless somebody confirms it
};
std::string_view to_string(RunPhase phase) noexcept;

enum class EventLevel { kInfo = 1, kWarning = 2, kError = 3 };

struct RunEvent {
  std::uint64_t seq = 0;  // from 1 within the run
  WallTime time;
  RunPhase phase = RunPhase::kPlanned;
  EventLevel level = EventLevel::kInfo;
  std::string text;  // one line for people
};

struct PhaseTime {
  RunPhase phase = RunPhase::kPlanned;
  Duration took{};
};

enum class RunKind { kRollback = 1, kUndo = 2, kDeploy = 3 };
std::string_view to_string(RunKind kind) noexcept;

struct RunRecord {
  RunId id;
  RunKind kind = RunKind::kRollback;
  std::string actor;
  std::string reason;
  std::string from;  // revision name, "" when unknown
  std::string to;
  Digest plan_digest;
  WallTime started;
  WallTime finished;  // 0 while running
  RunPhase phase = RunPhase::kPlanned;
  RunOutcome outcome = RunOutcome::kRunning;
  bool changed = false;               // false: there was nothing to do
  int exit_code = 0;                  // model/exit_code.h
  std::vector<std::string> findings;  // refusals, why the gate was red, what is inconsistent
  std::vector<PhaseTime> times;
  std::optional<std::int32_t> command_exit{};  // of a deploy's command; 128 + N: by signal N
};

}  // namespace rollback
