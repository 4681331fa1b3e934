// SPDX-License-Identifier: Apache-2.0
#include "model/host.h"

namespace rollback {

std::string_view to_string(Admission admission) noexcept {
  switch (admission) {
    case Admission::kPending:
      return "pending";
    case Admission::kAccepted:
      return "accepted";
    case Admission::kRejected:
      return "rejected";
    case Admission::kRemoved:
      return "removed";
  }
  return "unknown";
}

}  // namespace rollback
