// SPDX-License-Identifier: Apache-2.0
#include "coordinator/store/state_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rollback {
namespace {

Status check_key(std::string_view key) {
  if (key.empty() || key.size() > StateLimits::kMaxKey)
    return fail(ErrorCode::kInvalid, fmt::format("a key of the store has {} bytes, not 1 to {}",
                                                 key.size(), StateLimits::kMaxKey));
  if (!std::ranges::all_of(key, [](char c) { return c > ' ' && c <= '~'; }))
    return fail(ErrorCode::kInvalid, "a key of the store has bytes that are not printable ASCII");
  return {};
}

}  // namespace

Status check_changes(const std::vector<StateChange>& changes) {
  if (changes.empty() || changes.size() > StateLimits::kMaxChanges)
    return fail(ErrorCode::kInvalid, fmt::format("a commit of {} changes; 1 to {} are allowed",
                                                 changes.size(), StateLimits::kMaxChanges));
  std::set<std::string_view> keys;
  for (const auto& change : changes) {
    ROLLBACK_TRY(check_key(change.key));
    if (!keys.insert(change.key).second)
      return fail(ErrorCode::kInvalid, "a commit changes '" + change.key + "' twice");
    if (change.value && change.value->size() > StateLimits::kMaxValue)
      return fail(ErrorCode::kInvalid,
                  fmt::format("the value of '{}' has {} bytes, more than {}", change.key,
                              change.value->size(), StateLimits::kMaxValue));
  }
  return {};
}

Failure version_conflict(std::uint64_t expected, std::uint64_t found) {
  return fail(ErrorCode::kConflict,
              fmt::format("the store is at version {}, not {}: somebody else wrote to it; "
                          "read again and decide again",
                          found, expected));
}

}  // namespace rollback
