// SPDX-License-Identifier: Apache-2.0
// RocksDB as the rest of the store sees it: a few named tables of byte strings, one synced batch.
// RocksDB's own types stay inside agent/store/*.cpp. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace rollback {

enum class Table {
  kMeta = 0,
  kBlobs = 1,
  kTrees = 2,
  kSnapshots = 3,
  kRevisions = 4,
  kHistory = 5,
  kRuns = 6,
  kEvents = 7
};

struct Change {
  Table table = Table::kMeta;
  std::string key;
  std::optional<std::string> value;  // nullopt removes
};

enum class Durability { kSynced, kBuffered };

class Database {
 public:
  // Creates what is missing. kUnsupported for a newer format; kCorrupt names the damage. Never
  // repairs, resets or deletes.
  static Result<std::unique_ptr<Database>> open(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<std::optional<std::string>> get(Table table, std::string_view key) const;
  Result<bool> has(Table table, std::string_view key) const;
  // All or nothing.
  Status write(const std::vector<Change>& changes, Durability durability);
  // In key order from `from` while keys begin with `prefix`; stops when `visit` returns false.
  Status scan(Table table, std::string_view prefix, std::string_view from,
              const std::function<bool(std::string_view key, std::string_view value)>& visit) const;
  // From the last key that begins with `prefix`, backwards.
  Status scan_backwards(Table table, std::string_view prefix,
                        const std::function<bool(std::string_view, std::string_view)>& visit) const;

 private:
  struct Inner;
  explicit Database(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace rollback
