// SPDX-License-Identifier: Apache-2.0
// The contract of every command's exit code; daemons report it, rollbackctl returns it.
#pragma once

namespace rollback {

enum class ExitCode {
  kDone = 0,          // done and verified, or nothing to do
  kUsage = 1,         // usage or configuration
  kRefused = 2,       // refused, nothing changed
  kNothingToDo = 3,   // only with --detailed-exitcode
  kRestored = 4,      // failed, origin restored
  kInconsistent = 5,  // needs a human
  kPartial = 6,       // partial or paused
  kLocked = 7,
  kDenied = 8,
  kTimedOut = 9,
  kDetached = 130,
};

}  // namespace rollback
