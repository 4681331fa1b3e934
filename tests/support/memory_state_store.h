// SPDX-License-Identifier: Apache-2.0
// A StateStore that forgets; tests/coordinator/store_contract_test.cpp holds it to the contract.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "coordinator/store/state_store.h"

namespace rollback {

class MemoryStateStore final : public StateStore {
 public:
  Result<std::uint64_t> version() const override {
    const std::lock_guard lock(mutex_);
    return version_;
  }

  Result<std::uint64_t> commit(std::uint64_t expected_version,
                               const std::vector<StateChange>& changes) override {
    ROLLBACK_TRY(check_changes(changes));
    const std::lock_guard lock(mutex_);
    if (expected_version != version_) return version_conflict(expected_version, version_);
    for (const auto& change : changes) {
      if (change.value)
        values_[change.key] = *change.value;
      else
        values_.erase(change.key);
    }
    return ++version_;
  }

  Result<std::optional<std::string>> get(std::string_view key) const override {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

  Status scan(std::string_view prefix, const Visit& visit) const override {
    const std::lock_guard lock(mutex_);
    for (auto at = values_.lower_bound(prefix); at != values_.end(); ++at) {
      if (!at->first.starts_with(prefix) || !visit(at->first, at->second)) break;
    }
    return {};
  }

 private:
  mutable std::mutex mutex_;
  std::uint64_t version_ = 0;
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace rollback
