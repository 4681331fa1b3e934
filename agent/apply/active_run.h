// SPDX-License-Identifier: Apache-2.0
// A run between prepare and its outcome, and what it tells those who watch. Private to agent/apply.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/apply/journal.h"
#include "agent/apply/origin.h"
#include "agent/apply/rollback.h"
#include "agent/apply/stage.h"

namespace rollback {

// Events and times of one run. Telling never fails a run.
class RunLog {
 public:
  RunLog(const Clock& clock, RunListener& listener, RunRecord& record, std::uint64_t& seq)
      : clock_(clock), listener_(listener), record_(record), seq_(seq), began_(clock.boot()) {}

  // The phase before gets its time.
  void enter(RunPhase phase, const std::string& text);
  void say(EventLevel level, const std::string& text);
  void info(const std::string& text) { say(EventLevel::kInfo, text); }
  void warn(const std::string& text) { say(EventLevel::kWarning, text); }
  void finding(const std::string& text);  // also kept in the record
  void leave();                           // the last phase gets its time
  bool aborted() { return listener_.wait(clock_.boot()); }
  [[nodiscard]] RunListener& listener() const noexcept { return listener_; }

 private:
  const Clock& clock_;
  RunListener& listener_;
  RunRecord& record_;
  std::uint64_t& seq_;
  BootTime began_;
  bool open_ = false;  // a phase was entered here and not left
};

// What `--timeout` allows. Its clock runs from prepare, or from the commit when that is another's
// to tell: waves come later.
class RunBudget {
 public:
  RunBudget(const PrepareOrder& order, BootTime asked)
      : time_(order.timeout), runs_(order.lease <= Duration::zero()), end_(asked + time_) {}

  void begin_commit(BootTime now) {
    if (!runs_) end_ = now + time_;
    runs_ = true;
  }
  [[nodiscard]] BootTime end() const noexcept { return end_; }
  // kTimeout once it is used up.
  [[nodiscard]] Status check(BootTime now) const;

 private:
  Duration time_;
  bool runs_;
  BootTime end_;
};

// Without a window a run needs no confirmation.
struct ConfirmOrder {
  Duration window{};
  bool by_contact = false;  // with a coordinator or witness
};

struct ActiveRun {
  RunLock lock;
  Journal journal;
  StageSet stages;
  RunRecord record;
  JournalIntent intent;
  Origin origin;
  HostState target;
  std::set<std::string> kept;  // see Comparison
  bool target_was_red = false;
  std::vector<ProbeResult> baseline;
  std::uint64_t events = 0;  // number of the last one
  RunBudget budget;
  ConfirmOrder confirm;
  std::optional<BootTime> lease_end;
};

struct Preparation {
  std::optional<ActiveRun> run;  // absent when there is nothing to do, and for a dry run
  PreparedRun prepared;
};

// Resolve and diff: what both plan() and prepare() begin with.
struct Comparison {
  HostState target;
  bool target_was_red = false;  // only an undo goes back to such a state
  Origin origin;
  Plan plan;
  std::set<std::string> kept;  // paths of `target` that are live's, because somebody changed them
};
struct CompareOrder {
  std::string to;
  RunKind kind = RunKind::kRollback;
  DriftPolicy drift = DriftPolicy::kOverwrite;
};
Result<Comparison> compare_with(const RunDeps& deps, const CompareOrder& order);
// Without the plan itself, which may be large.
PreparedRun describe(const RunDeps& deps, const RunId& run, const Plan& plan);

// `record` and `events` are filled as far as it came, also when it refuses.
Result<Preparation> prepare_run(const RunDeps& deps, const PrepareOrder& order, RunLog& log,
                                RunRecord& record);

// Whether the store has what the run replaced; if not, the stage is the only place that does.
enum class OriginKept { kYes, kNo };

// Of a run that was interrupted the history may have an entry already.
enum class Resumed { kNo, kYes };

// Of a run or deploy that is over.
HistoryEntry history_entry_of(const RunRecord& record);

// Removes the stage, then the journal, of a run that needs neither any more. A journal that is left
// takes the run up again, for which it needs the stage, unless it says that the run is done: so it
// says that first, or goes first.
Status let_go(const RunDeps& deps, Journal& journal, StageSet& stages);

// Begins the finding of each difference that an undo leaves.
inline constexpr std::string_view kNotAsBefore = "not as before the run: ";

// Stores record and history of a run that is over, then lets go of stage and journal. The stage is
// set aside instead, and a finding names it, where it holds what exists nowhere else: after an
// inconsistent run, an origin that could not be kept, or something of somebody else's in the way.
// What could not be stored is said in the log and leaves the journal in place.
void close_run(const RunDeps& deps, Journal& journal, StageSet& stages, RunRecord& record,
               RunLog& log, OriginKept origin, Resumed resumed);

inline constexpr std::string_view kUnfinished =
    "the disk did not take all of it back; once it takes writes again, restart rollback-agent, "
    "which goes on";

// The disk refused a part of the undo: stages and journal stay, and the next start of the agent, or
// of the host, goes on with it. Until then the run holds the host, and has no entry in the history.
void leave_unfinished(const RunDeps& deps, RunRecord& record, RunLog& log);

}  // namespace rollback
