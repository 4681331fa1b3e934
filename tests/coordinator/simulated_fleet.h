// SPDX-License-Identifier: Apache-2.0
// Hosts, a network and a coordinator in virtual time, all decided by one seed. The network loses,
// repeats and delays; the coordinator dies before and after it stores a step and begins again from
// what it stored; hosts refuse, fail, change under the run and fall silent. Every promise of the
// rollout machine is checked while it runs.
#pragma once

#include <cstdint>
#include <map>
#include <queue>
#include <string>
#include <variant>
#include <vector>

#include "tests/coordinator/rollout_fixture.h"
#include "tests/support/seeded_random.h"

namespace rollback::testing {

class SimulatedFleet {
 public:
  explicit SimulatedFleet(std::uint64_t seed);
  // Until the rollout is over, or its time in the simulation is.
  void run();
  [[nodiscard]] const RolloutRecord& state() const noexcept { return stored_; }
  // What broke, one line each; empty when every promise held.
  [[nodiscard]] const std::vector<std::string>& broken() const noexcept { return broken_; }
  void check_end();

 private:
  enum class Kind { kPrepare, kCommit, kForget, kUndo };
  struct ToHost {
    std::size_t host;
    Kind kind;
    std::uint64_t number;  // of the command
    Digest digest;
  };
  struct ToCoordinator {
    std::size_t host;
    std::uint64_t number;  // of the command that it answers; 0: none
    RolloutEvent event;
  };
  struct Restart {};
  struct Resend {};
  struct Operator {};
  using What = std::variant<ToHost, ToCoordinator, Restart, Resend, Operator>;
  struct Happening {
    WallTime at;
    std::uint64_t order;
    What what;
    bool operator<(const Happening& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };
  struct SimHost {
    bool silent = false;    // never answers anything
    bool answered = false;  // or was given up, before the first commit
    bool conflict = false;  // its first commit finds it changed
    bool ends = true;       // its commit ends
    bool undo_ends = true;
    std::uint64_t latest = 0;  // command that the coordinator waits for
    bool on_target = false;
    bool prepared = false;
    Digest plan;
    std::optional<ev::Refused> refusal;
    bool nothing_to_do = false;
    RunOutcome commit = RunOutcome::kSucceeded;
    RunOutcome undo = RunOutcome::kSucceeded;
    std::optional<WallTime> committed;  // its end
    std::optional<WallTime> undone;
  };

  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  Duration within(std::int64_t seconds) {
    return std::chrono::milliseconds(random_.below(static_cast<std::uint64_t>(seconds) * 1000) + 1);
  }
  void at(WallTime time, What what) { queue_.push({time, ++order_, std::move(what)}); }
  void send(const RolloutAction& action);
  void post(std::size_t host, Kind kind, const Digest& digest);
  void answer(const ToHost& command, RolloutEvent event, WallTime when);
  void take(const RolloutEvent& event);
  void on(const ToHost& command);
  void on(const ToCoordinator& message);
  void on(const Restart&);
  void on(const Resend&);
  void on(const Operator&);
  void commit_on_host(const ToHost& command);
  void undo_on_host(const ToHost& command);
  void crash();
  void check_commit(const act::Commit& commit);
  void check_step(const RolloutStep& step);
  void expect(bool holds, const std::string& promise);

  SeededRandom random_;
  WallTime now_;
  std::uint64_t order_ = 0;
  std::uint64_t command_ = 0;
  std::priority_queue<Happening> queue_;
  RolloutRecord stored_;
  bool up_ = true;
  std::vector<SimHost> hosts_;
  std::vector<std::string> broken_;
};

}  // namespace rollback::testing
