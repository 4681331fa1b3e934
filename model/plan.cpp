// SPDX-License-Identifier: Apache-2.0
#include "model/plan.h"

namespace rollback {

namespace {

// The enumerator, numbered from 1 to `last`, that is written like this.
template <typename E>
std::optional<E> parse_number(std::string_view text, E last) noexcept {
  for (int number = 1; number <= static_cast<int>(last); ++number)
    if (to_string(static_cast<E>(number)) == text) return static_cast<E>(number);
  return std::nullopt;
}

}  // namespace

std::string_view to_string(StepAction action) noexcept {
  switch (action) {
    case StepAction::kWrite:
      return "write";
    case StepAction::kReplace:
      return "replace";
    case StepAction::kRemove:
      return "remove";
    case StepAction::kMakeDirectory:
      return "make-directory";
    case StepAction::kRemoveDirectory:
      return "remove-directory";
    case StepAction::kDirectoryMetadata:
      return "directory-metadata";
    case StepAction::kStopUnit:
      return "stop";
    case StepAction::kDaemonReload:
      return "daemon-reload";
    case StepAction::kStartUnit:
      return "start";
    case StepAction::kReloadUnit:
      return "reload";
    case StepAction::kDrain:
      return "drain";
    case StepAction::kReadmit:
      return "readmit";
    case StepAction::kStopProject:
      return "compose-stop";
    case StepAction::kStartProject:
      return "compose-up";
  }
  return "unknown";
}

std::string_view to_string(StepPhase phase) noexcept {
  switch (phase) {
    case StepPhase::kQuiesce:
      return "quiesce";
    case StepPhase::kCommit:
      return "commit";
    case StepPhase::kActivate:
      return "activate";
    case StepPhase::kVerify:
      return "verify";
  }
  return "unknown";
}

std::string_view to_string(DriftPolicy policy) noexcept {
  switch (policy) {
    case DriftPolicy::kOverwrite:
      return "overwrite";
    case DriftPolicy::kKeep:
      return "keep";
    case DriftPolicy::kAbort:
      return "abort";
  }
  return "unknown";
}

std::optional<StepAction> parse_step_action(std::string_view text) noexcept {
  return parse_number<StepAction>(text, StepAction::kStartProject);
}

std::optional<StepPhase> parse_step_phase(std::string_view text) noexcept {
  return parse_number<StepPhase>(text, StepPhase::kVerify);
}

std::optional<DriftPolicy> parse_drift_policy(std::string_view text) noexcept {
  return parse_number<DriftPolicy>(text, DriftPolicy::kAbort);
}

}  // namespace rollback
