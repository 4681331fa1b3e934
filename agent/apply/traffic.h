// SPDX-License-Identifier: Apache-2.0
// Takes the host out of traffic and back in by the hooks of agent.yaml, each in a transient unit
// with a deadline of its own. Private to agent/apply.
#pragma once

#include <string>
#include <vector>

#include "agent/apply/active_run.h"

namespace rollback {

// Begins the finding of a host that an undo does not readmit.
inline constexpr std::string_view kOutOfTraffic =
    "the host stays out of traffic; when it is right, run ";

class Traffic {
 public:
  // Without hooks nothing is ever done. All outlive the object.
  Traffic(const HookOptions& hooks, const Live& live, const Clock& clock, RunLog& log)
      : hooks_(hooks), live_(live), clock_(clock), log_(log) {}

  // The first hook that fails ends it. None outlasts `end`, the run's own.
  Status drain(BootTime end);
  // Of a host that had been readmitted, before it is taken back: goes on whatever they say.
  void drain_for_undo();
  // All of them are tried, and findings say which failed. They may run on a host that gets traffic.
  void readmit();
  // After an undo. A host that equals neither release stays out, and a finding says so.
  void readmit_restored(const RunRecord& record, bool unfinished);
  // A host that gets no traffic needs a human, whatever else came of the run.
  void judge(RunRecord& record) const;

 private:
  // Why it failed and the last that it printed, one line each; empty when it did not.
  std::vector<std::string> run(const std::vector<std::string>& argv, Duration deadline);

  const HookOptions& hooks_;
  const Live& live_;
  const Clock& clock_;
  RunLog& log_;
  bool drained_ = false;
  bool failed_ = false;  // to readmit
};

}  // namespace rollback
