// SPDX-License-Identifier: Apache-2.0
// A host as the coordinator remembers it. Its identity is its key and a random id, never its name.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"

namespace rollback {

// Numbers are stored.
enum class Admission { kPending = 1, kAccepted = 2, kRejected = 3, kRemoved = 4 };
std::string_view to_string(Admission admission) noexcept;

struct HostRecord {
  HostId id;
  std::string name;
  std::string public_key;                                   // 40 characters of Z85
  std::vector<std::pair<std::string, std::string>> labels;  // sorted by key
  Admission admission = Admission::kPending;
  WallTime enrolled;  // first seen
  WallTime decided;   // accepted, rejected or removed; 0 while pending
  std::string decided_by;
  bool operator==(const HostRecord&) const = default;
};

}  // namespace rollback
