// SPDX-License-Identifier: Apache-2.0
// How far a check of the whole store got and when one last came to its end; both are kept in the
// store. Thread-safe, but only one check writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/store/database.h"
#include "core/clock.h"

namespace rollback {

// Stored. kShallow: records, and that everything they name is there. kDeep: every stored byte is
// unpacked and hashed.
enum class ScrubDepth : std::uint8_t { kShallow = 1, kDeep = 2 };

struct ScrubMark {
  ScrubDepth depth = ScrubDepth::kShallow;
  Table table = Table::kBlobs;
  std::string after;  // the last key of `table` that was looked at; "" before the first
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  bool operator==(const ScrubMark&) const = default;
};

class ScrubMarks {
 public:
  explicit ScrubMarks(Database& database) : database_(database) {}

  // Of an interrupted check; nullopt without one, or when it cannot be read.
  std::optional<ScrubMark> interrupted() const;
  Status keep(const ScrubMark& mark);  // buffered
  // No check is interrupted now; a deep one ended at `deep_end`.
  Status finish(std::optional<WallTime> deep_end);
  // When the last deep check of the whole store ended; 0: never.
  WallTime last_deep() const;

 private:
  Database& database_;
};

}  // namespace rollback
