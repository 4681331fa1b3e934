// SPDX-License-Identifier: Apache-2.0
// The rollout as a pure machine: (state, event, now) -> (state', actions). No I/O, no clock, no
// randomness: the same code runs in production, in simulation and after a crash. The runner stores
// state' before it carries out the actions; carrying an action out twice is harmless, because hosts
// answer a repeated command for a run with what they did the first time.
//
// Two phases. Every selected host is prepared (resolved, checked, staged) before the first one is
// committed. A host that was told to commit ends in kDone, kRestored or kInconsistent, or, when it
// never answers, in kUnknown; a late answer still corrects that, also after the end.
//
// Every event may come twice. The caller drops answers to commands older than the last one it sent
// to that host: a Conflict of the first commit must not be taken for one of the second.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/rollout.h"

namespace rollback {

namespace rollout_event {
struct Started {};
struct Prepared {
  HostId host;
  Digest plan_digest;
  bool changed = true;
};
// What a host answered instead of preparing. `missing`: it does not have the release.
struct Refused {
  HostId host;
  std::string why;
  bool missing = false;
};
// It cannot be reached and was not told to commit.
struct Offline {
  HostId host;
};
struct Progress {
  HostId host;
  RunPhase phase = RunPhase::kPlanned;
};
// Its plan is not the prepared one any more (it was changed meanwhile): prepared again once.
struct Conflict {
  HostId host;
  std::string why;
};
// A commit or an undo has ended; record.kind says which.
struct Finished {
  HostId host;
  RunRecord record;
};
struct Tick {};  // time has passed
struct Resume {
  std::string actor;
};
struct Abort {
  std::string actor;
};
struct Undo {
  std::string actor;
};
}  // namespace rollout_event

using RolloutEvent =
    std::variant<rollout_event::Started, rollout_event::Prepared, rollout_event::Refused,
                 rollout_event::Offline, rollout_event::Progress, rollout_event::Conflict,
                 rollout_event::Finished, rollout_event::Tick, rollout_event::Resume,
                 rollout_event::Abort, rollout_event::Undo>;

namespace rollout_action {
struct Prepare {
  HostId host;
};
struct Commit {
  HostId host;
  Digest plan_digest;
};
struct Forget {
  HostId host;
};  // release the lock and the stage
struct UndoHost {
  HostId host;
};                 // take it back to where its run began
struct Finish {};  // the rollout is over: answer everybody who waits
struct Pause {};   // tell everybody who waits
}  // namespace rollout_action

using RolloutAction =
    std::variant<rollout_action::Prepare, rollout_action::Commit, rollout_action::Forget,
                 rollout_action::UndoHost, rollout_action::Finish, rollout_action::Pause>;

struct RolloutStep {
  RolloutRecord state;
  std::vector<RolloutAction> actions;
  std::vector<HostId> changed;    // hosts whose record differs: what must be stored
  std::vector<std::string> said;  // one line each, for watchers and the log
  Status accepted;                // of Resume, Abort, Undo: why it was refused
};

RolloutStep advance(const RolloutRecord& state, const RolloutEvent& event, WallTime now);

// After a restart: the actions that may not have been carried out, from the state alone.
std::vector<RolloutAction> outstanding(const RolloutRecord& state);

// When the next Tick matters: the rollout's deadline or the end of a batch wait.
std::optional<WallTime> next_deadline(const RolloutRecord& state, WallTime now);

}  // namespace rollback
