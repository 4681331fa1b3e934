// SPDX-License-Identifier: Apache-2.0
#include "model/run.h"

namespace rollback {

std::string_view to_string(RunPhase phase) noexcept {
  switch (phase) {
    case RunPhase::kPlanned:
      return "planned";
    case RunPhase::kPreflight:
      return "preflight";
    case RunPhase::kStaged:
      return "staged";
    case RunPhase::kQuiescing:
      return "quiescing";
    case RunPhase::kCommitting:
      return "committing";
    case RunPhase::kActivating:
      return "activating";
    case RunPhase::kGating:
      return "gating";
    case RunPhase::kVerifying:
      return "verifying";
    case RunPhase::kVerified:
      return "verified";
    case RunPhase::kUndoing:
      return "undoing";
    case RunPhase::kDone:
      return "done";
    case RunPhase::kDeploying:
      return "deploying";
    case RunPhase::kConfirming:
      return "confirming";
  }
  return "unknown";
}

std::string_view to_string(RunKind kind) noexcept {
  switch (kind) {
    case RunKind::kRollback:
      return "rollback";
    case RunKind::kUndo:
      return "undo";
    case RunKind::kDeploy:
      return "deploy";
  }
  return "unknown";
}

}  // namespace rollback
