// SPDX-License-Identifier: Apache-2.0
#include "model/plan.h"

namespace rollback {

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
  }
  return "unknown";
}

}  // namespace rollback
