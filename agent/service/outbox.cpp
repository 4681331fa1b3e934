// SPDX-License-Identifier: Apache-2.0
#include "agent/service/outbox.h"

namespace rollback {

ExitCode exit_code_of(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::kBusy:
      return ExitCode::kLocked;
    case ErrorCode::kTimeout:
      return ExitCode::kTimedOut;
    default:
      return ExitCode::kRefused;
  }
}

}  // namespace rollback
