// SPDX-License-Identifier: Apache-2.0
// What changed, where, and how it is reversed: ordered steps as data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "model/tree.h"

namespace rollback {

enum class StepAction {
  kWrite = 1,    // nothing there now
  kReplace = 2,  // content, type or metadata of a file or link changes
  kRemove = 3,   // the target release does not have it
  kMakeDirectory = 4,
  kRemoveDirectory = 5,
  kDirectoryMetadata = 6,
  kStopUnit = 7,
  kDaemonReload = 8,
  kStartUnit = 9,  // of a unit stopped before the commit, or that should run and does not
  kReloadUnit = 10,
  kDrain = 11,         // a hook that takes the host out of traffic
  kReadmit = 12,       // a hook that takes it back in
  kStopProject = 13,   // services of a compose project that the target does not run
  kStartProject = 14,  // compose up
};
std::string_view to_string(StepAction action) noexcept;
std::optional<StepAction> parse_step_action(std::string_view text) noexcept;

// The phase of a run in which a step is done. Numbers are stored.
// kVerify: when the host is proved to be on the target.
enum class StepPhase { kQuiesce = 1, kCommit = 2, kActivate = 3, kVerify = 4 };
std::string_view to_string(StepPhase phase) noexcept;
std::optional<StepPhase> parse_step_phase(std::string_view text) noexcept;

// What becomes of files that somebody changed since the deployed release was recorded. Numbers are
// sent; 0 is what older programs say, and means kOverwrite.
enum class DriftPolicy {
  kOverwrite = 1,  // they become what the target has; the run's origin keeps them
  kKeep = 2,       // they stay as they are
  kAbort = 3,      // the run is refused and names them
};
std::string_view to_string(DriftPolicy policy) noexcept;
std::optional<DriftPolicy> parse_drift_policy(std::string_view text) noexcept;

struct PlanStep {
  StepPhase phase = StepPhase::kCommit;
  StepAction action = StepAction::kWrite;
  std::string subject;   // absolute path, unit, compose project, or a hook's command
  std::string resource;  // "nginx/nginx", "systemd/shop.service"
  std::string why;       // "content differs", "its binary /opt/shop/bin/shop changes"
  std::string reverse;   // "exchange back from the stage", "start it again"
  bool operator==(const PlanStep&) const = default;
};

struct Plan {
  std::string from;  // revision the host is on, "" when it matches none
  std::string to;    // "v2.4.1"
  Digest from_root;  // content roots
  Digest to_root;
  std::vector<PlanStep> steps;  // in the order of execution
  std::vector<std::string> warnings;
  [[nodiscard]] bool empty() const noexcept { return steps.empty(); }
  bool operator==(const Plan&) const = default;
};

}  // namespace rollback
