// SPDX-License-Identifier: Apache-2.0
// What the coordinator must not forget: hosts, rollouts, locks, its epoch. A small versioned map
// that one RocksDB directory, or later an etcd cluster, can keep.
//
// Keys are text with '/' between parts: "host/<id>", "rollout/<id>", "rollout-host/<id>/<host>",
// "meta/epoch". Every commit names the version it was decided on, so that of two writers one is
// told to look again instead of overwriting the other. Implementations are thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace rollback {

struct StateChange {
  std::string key;
  std::optional<std::string> value;  // nullopt removes
  bool operator==(const StateChange&) const = default;
};

// What every implementation accepts; etcd's own limits are 128 operations and 1.5 MiB.
struct StateLimits {
  static constexpr std::size_t kMaxChanges = 100;
  static constexpr std::size_t kMaxKey = 256;                        // bytes
  static constexpr std::size_t kMaxValue = std::size_t{256} * 1024;  // bytes
};

class StateStore {
 public:
  // In key order; return false to stop. Must not call the store.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;

  virtual ~StateStore() = default;

  // 0 for a new store; every commit adds one.
  virtual Result<std::uint64_t> version() const = 0;
  // All of `changes` or nothing, durable on return. The new version, or kConflict when the store is
  // not at `expected_version`. kInvalid: what check_changes() says.
  virtual Result<std::uint64_t> commit(std::uint64_t expected_version,
                                       const std::vector<StateChange>& changes) = 0;
  virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  // A view of one version: keys that begin with `prefix`.
  virtual Status scan(std::string_view prefix, const Visit& visit) const = 0;
};

// 1 to kMaxChanges changes, no key twice, keys of printable ASCII, sizes within StateLimits.
Status check_changes(const std::vector<StateChange>& changes);
// kConflict, the same words from every implementation.
Failure version_conflict(std::uint64_t expected, std::uint64_t found);

}  // namespace rollback
