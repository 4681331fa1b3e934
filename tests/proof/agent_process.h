// SPDX-License-Identifier: Apache-2.0
// What a process of the agent holds, for one host of a test. Made in a child: the store starts
// threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/agent/apply/engine_fixture.h"
#include "tests/proof/engine_subject.h"
#include "tests/proof/outlasting_services.h"

namespace rollback {

class AgreeablePrograms final : public ChangeRunner {
 public:
  Result<ProgramOutcome> run(const ProgramRequest&) override { return ProgramOutcome{}; }
  Result<ProgramOutcome> change(ProgramRequest) override { return ProgramOutcome{}; }
};

class AgentProcess {
 public:
  // `calls` is what the engine gets; `counted`, below it, counts what is asked of systemd.
  AgentProcess(const HostPlace& place, Syscalls& calls, FaultySyscalls* counted, Gate gate);

  void record(const std::string& release);  // the host as it is
  Result<RunRecord> roll_back();            // to v1.0.0
  Result<std::optional<RunRecord>> finish();
  // After finish() without a fault: what is wrong, "" nothing. `told`: what the agent told before
  // it ended.
  std::string verdict(const EngineHost& host, std::optional<Told> told);

  static RunId run();  // of roll_back()

 private:
  std::string verdict_of_record(const RunRecord& record, const EngineHost& host);
  std::string history_of(RunOutcome outcome);
  std::string leavings(const std::vector<std::string>& findings);

  const HostPlace place_;
  KernelSyscalls kernel_;
  Directory root_, state_;
  FakeClock clock_;
  SeededRandom random_{1};
  std::unique_ptr<Database> database_;
  BlobStore blobs_;
  SnapshotStore snapshots_;
  RunStore runs_;
  ReadPool readers_{0};  // one thread: the calls come in one order
  OutlastingServices services_;
  AgreeablePrograms programs_;
  FakeProber prober_;
  AgentOptions options_;
  std::vector<std::unique_ptr<Resource>> resources_;
  Watcher watcher_{clock_};
  std::unique_ptr<RollbackEngine> engine_;
};

Told told_by(const Result<RunRecord>& record);

}  // namespace rollback
