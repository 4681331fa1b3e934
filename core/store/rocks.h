// SPDX-License-Identifier: Apache-2.0
// How this project opens RocksDB and reads its answers. For core/store/*.cpp only.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <vector>

#include "core/store/tables.h"

namespace rollback {

// RocksDB's words with a code of ours. `what` names the operation and the path.
Error rocks_error(const rocksdb::Status& status, const std::string& what);

// Handles point into the database and go before it.
struct RocksHandle {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> tables;  // in the order of TablesSpec::tables

  RocksHandle() = default;
  RocksHandle(RocksHandle&&) = default;
  RocksHandle& operator=(RocksHandle&&) = delete;
  ~RocksHandle();
};

// `synced` is the number of the last write known to have been synced. When the log has a damaged
// record: opens without what follows if nothing synced is lost by that, else changes nothing and
// returns kCorrupt.
Result<RocksHandle> open_rocks(const TablesSpec& spec, std::uint64_t synced);

}  // namespace rollback
