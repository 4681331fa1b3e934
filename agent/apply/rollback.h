// SPDX-License-Identifier: Apache-2.0
// One host's rollback, all phases. prepare() may refuse and changes nothing live; commit() ends on
// the target or back on the origin and says which. Both are called from the run thread, one run at
// a time; the journal makes that durable.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/apply/live.h"
#include "agent/capture/capture.h"
#include "agent/health/probes.h"
#include "agent/options.h"
#include "agent/store/run_store.h"
#include "agent/store/snapshot_store.h"
#include "core/random.h"
#include "model/exit_code.h"
#include "model/plan.h"
#include "model/run.h"

namespace rollback {

// Everything a run looks at and keeps records in; what it changes is in Live. All outlive it.
struct RunDeps {
  const Directory& root;   // "/"
  const Directory& state;  // /var/lib/rollback-agent: journal, previews
  const AgentOptions& options;
  const std::vector<std::unique_ptr<Resource>>& resources;
  SnapshotStore& snapshots;
  BlobStore& blobs;
  RunStore& runs;
  ReadPool& readers;
  UnitReader& units;
  ProgramRunner& programs;
  Prober& prober;
  const Clock& clock;
  Random& random;
  std::string boot_id{};  // of this boot
};

// What an error of each kind means for the exit code when nothing was changed.
ExitCode exit_code_of(const Error& error) noexcept;

// Who watches a run, and who may end it. Called from the run thread.
class RunListener {
 public:
  virtual ~RunListener() = default;
  virtual void on_event(const RunId& run, const RunEvent& event) = 0;
  // Waits until `until` or an abort; true means abort. Between phases it is asked with until = now.
  virtual bool wait(BootTime until) = 0;
  // Waits until somebody confirms the run (true), or until `until` or an abort. `contact`, if any,
  // is asked again and again, and confirms it too.
  virtual bool wait_confirmed(const RunId& /*run*/, BootTime until,
                              const std::function<bool()>& /*contact*/) {
    (void)wait(until);
    return false;
  }
};

struct PrepareOrder {
  RunId run;
  RunKind kind = RunKind::kRollback;
  std::string to;  // revision name; "" is the previous good release
  std::string actor;
  std::string reason;
  Duration timeout = std::chrono::minutes(5);  // from here on; with a lease from the commit on
  Duration lease{};                            // 0: none, commit follows at once
  bool accept_removals = false;
  bool dry_run = false;  // plan and preflight; nothing stays behind, no lock is kept
  Duration confirm{};    // after the gate: taken back unless it is confirmed in time; 0: no. With
                         // a lease, that a coordinator or witness is reached confirms it
  RunId within;          // the deploy that it takes back; none usually
  Digest plan{};         // only this one is carried out; none: whatever it is now
  DriftPolicy drift = DriftPolicy::kOverwrite;
  std::vector<std::string> accept_facts{};  // facts that may differ from the target's
};

struct PreparedRun {
  RunId run;
  Plan plan;
  Digest plan_digest;
  Duration estimate{};
  Duration downtime{};  // part of it
};

// Of a run that nothing came of: time that ran out is no refusal.
RunOutcome outcome_of_refusal(const Error& error) noexcept;

class RollbackEngine {
 public:
  RollbackEngine(const RunDeps& deps, const Live& live);
  ~RollbackEngine();

  // Pure preview: what a rollback to `to` would do now.
  Result<PreparedRun> plan(const std::string& to, DriftPolicy drift = DriftPolicy::kOverwrite);
  // Resolve, plan, preflight, stage. Refusals are errors: kNotFound, kConflict, kInvalid, kNoSpace,
  // kBusy (another run holds the host; the message names it). The refused run is recorded.
  // An empty plan is success with nothing staged.
  Result<PreparedRun> prepare(const PrepareOrder& order, RunListener& listener);
  // Quiesce .. outcome of a prepared run. kConflict when the plan digest is another or the host
  // changed since (nothing was touched; prepare again); else the record, whatever its outcome.
  Result<RunRecord> commit(const RunId& run, const Digest& plan_digest, RunListener& listener);
  // Of a prepared run; unknown is success. `why` is kept as a finding.
  Status forget(const RunId& run, const std::string& why = "");
  // From here on no run begins but those within this deploy; nullopt ends that.
  void hold_for(const std::optional<RunId>& deploy);
  // The run that holds the host: prepared, a deploy, or (after a crash) unfinished.
  [[nodiscard]] std::optional<RunId> holder() const;  // any thread
  // Leases that ran out; call about once a second between runs.
  Status forget_expired();
  // Holds room back for a full disk, unless a run holds the host; call between runs. One sentence
  // when there is none.
  std::string hold_room();
  // Units and records of a run that a crash left behind, after its files were decided (recovery.h).
  Result<std::optional<RunRecord>> finish_interrupted(RunListener& listener);

 private:
  struct Inner;
  class Noted;
  std::unique_ptr<Inner> inner_;
};

}  // namespace rollback
