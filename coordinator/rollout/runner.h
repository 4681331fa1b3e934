// SPDX-License-Identifier: Apache-2.0
// Carries a rollout out: feeds the machine (rollout.h) with what hosts answer, stores each state
// before acting on it, repeats what a lost connection or a restart swallowed, tells watchers.
//
// At most one rollout is not done: it is the fleet's lock. Loop thread only; nothing is called back
// from within a call, except Watcher::send.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/rollout/agents.h"
#include "coordinator/rollout/rollout.h"
#include "coordinator/rollout/watcher.h"
#include "coordinator/store/ledger.h"
#include "core/clock.h"
#include "core/random.h"
#include "protocol/commands.h"

namespace rollback {

class Runner {
 public:
  static constexpr Duration kLease = std::chrono::minutes(15);
  static constexpr Duration kRenewal = std::chrono::minutes(5);
  // A host that was asked to prepare and then lost, or not seen yet after a restart.
  static constexpr Duration kPatience = std::chrono::seconds(30);
  static constexpr Duration kRetry = std::chrono::seconds(1);     // after "locked"
  static constexpr Duration kLocked = std::chrono::seconds(20);   // to prepare, for a locked host
  static constexpr Duration kSilence = std::chrono::seconds(60);  // without a word: ask again

  struct Deps {
    Agents& agents;
    Ledger& ledger;
    const Clock& clock;
    Random& random;
    std::function<void(const std::string&)> log;
  };
  explicit Runner(Deps deps) : deps_(std::move(deps)) {}
  ~Runner();  // the rollout stays in the store
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // After a start: goes on with what was not done.
  Status resume_stored();
  // `hosts` in the order of their waves. kBusy: another rollout holds the fleet; the message names
  // it and how to see and end it.
  Result<RunId> start(const FleetRollbackRequest& request, const std::vector<HostRecord>& hosts,
                      const std::string& actor, const std::string& reason);
  // Resume, Abort or Undo of a run by id or unique prefix; its whole id. "" is the one at work or
  // paused; for an Undo, when there is none, the newest that changed a host: were that one undone
  // already, none before it is taken.
  Result<RunId> tell(const std::string& run, const RolloutEvent& event);
  // The record, its hosts, then what happens until it is over or paused: an End.
  void watch(const RunId& run, const WatcherPtr& watcher);
  // Timers; call at least every 200 ms.
  void tick();
  // Not ok: the store took no more, nothing is acted on; the coordinator must end.
  [[nodiscard]] const Status& health() const noexcept { return health_; }
  // The rollout that holds the fleet.
  [[nodiscard]] const RolloutRecord* active() const { return active_ ? &*active_ : nullptr; }

 private:
  enum class Work { kPrepare, kCommit, kUndo, kForget };
  // What one host is to do for one run, until it has answered.
  struct Task {
    Work work = Work::kPrepare;
    Digest plan_digest;
    std::optional<CommandId> asked;    // in flight
    std::optional<Prepared> prepared;  // heard so far
    std::optional<RunRecord> record;
    BootTime began;
    BootTime heard;     // or asked
    BootTime retry_at;  // not before
    std::optional<BootTime> missing_since;
    std::optional<BootTime> locked_since;
  };
  using TaskKey = std::pair<RunId, HostId>;

  Status handle(const RolloutEvent& event);
  Status apply(const RolloutEvent& event);
  void act(const RunId& run, const RolloutAction& action);
  Status free_for(const RunId* run) const;
  Result<RolloutRecord> run_to_tell(const std::string& run, const RolloutEvent& event) const;
  Status forget_again(const RolloutRecord& header);

  void begin_task(const RunId& run, const HostId& host, Work work, const Digest& digest = {});
  void tick_task(const TaskKey& key, Task& task, BootTime now);
  void send(const TaskKey& key, Task& task, BootTime now);
  [[nodiscard]] CommandBody body_of(const TaskKey& key, const Task& task) const;
  void on_reply(const TaskKey& key, const Reply& reply);
  void on_event(const TaskKey& key, const EventItem& item);
  void on_end(const TaskKey& key, const End& end);
  void end_prepare(const TaskKey& key, const Task& task, const End& end);
  void end_run(const TaskKey& key, const Task& task, const End& end);
  bool retry_locked(Task& task, BootTime now);
  void drop_task(const TaskKey& key);
  void renew_leases(BootTime now);

  void announce(const RolloutStep& step, RolloutState before);
  void finish_watchers(const RunId& run);
  void tell_host(const TaskKey& key, const ReplyBody& body);

  Deps deps_;
  Status health_;
  std::optional<RolloutRecord> active_;
  std::map<TaskKey, Task> tasks_;  // of the active rollout; forgets outlive it
  std::map<HostId, std::pair<RunId, std::uint64_t>> seen_events_;  // a repeated answer begins anew
  std::deque<RolloutEvent> queue_;
  bool handling_ = false;
  std::optional<WallTime> armed_;  // next Tick
  BootTime next_renewal_;
  std::multimap<RunId, WatcherPtr> watchers_;
};

// The record without its hosts, every host, an End with the exit code and what to do next.
void send_report(const RolloutRecord& rollout, Watcher& watcher);

}  // namespace rollback
