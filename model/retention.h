// SPDX-License-Identifier: Apache-2.0
// What may leave the store of a host, and why. Pure functions of values: a dry run shows what they
// say, and prune does exactly that. ADR 0016 has the reasons.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/clock.h"
#include "model/revision.h"

namespace rollback {

// What always stays: the deployed release, the previous good one, what is pinned, what a run holds,
// what `undo` of the last run needs, and the newest `keep` good releases. The newest `keep` origins
// of runs and the newest `keep` revisions that are no targets stay too, and count for nothing else.
// Of the rest goes what was last used longer ago than `older_than`, and then the oldest until the
// store fits into `max_size`; all of it when neither is given. New is what the host was on last.
struct RetentionRules {
  std::uint32_t keep = 0;      // 0: none for their number
  Duration older_than{};       // 0: no such rule
  std::uint64_t max_size = 0;  // bytes; 0: no such rule
  [[nodiscard]] bool any() const noexcept {
    return keep != 0 || older_than != Duration::zero() || max_size != 0;
  }
};

struct RetentionDecision {
  Revision revision;
  bool removed = false;
  bool spare = false;  // may go when there is no room
  std::string why;
  std::uint64_t bytes = 0;  // see make_room()
};

// One for every revision, in the order of keeping: what always stays, then the rest, newest first.
// `known` and `history` as revision_statuses() has them; `held` are names of revisions.
std::vector<RetentionDecision> decide_retention(const std::vector<RevisionStatus>& known,
                                                const std::vector<HistoryEntry>& history,
                                                const std::set<std::string>& held,
                                                const RetentionRules& rules, WallTime now);

// Once each decision's `bytes` say what it needs that none before it does: removes spare ones, the
// last first, until what is left is at most `max_size`. False when what always stays is more.
bool make_room(std::vector<RetentionDecision>& decisions, std::uint64_t max_size);

// How long a revision stays, in words for who asks what it is good for: why it stays, or what takes
// it away. `decision` by the same rules.
std::string how_long(const RetentionDecision& decision, const RetentionRules& rules);
// The same of the origins of runs, as a rule: "until `prune` removes it", "while it is among the 10
// newest".
std::string origins_stay(const RetentionRules& rules);

}  // namespace rollback
