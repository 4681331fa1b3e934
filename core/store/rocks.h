// SPDX-License-Identifier: Apache-2.0
// How this project sets up RocksDB and reads its answers. For core/store/*.cpp only.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/tables.h"
#include "core/store/write_stop.h"

namespace rollback {

// In the first table: what TablesSpec::format says.
inline constexpr std::string_view kFormatKey = "format";

// RocksDB's words with a code of ours. `what` names the operation and the path. A file that is not
// there is damage: nobody but RocksDB removes its files.
Error rocks_error(const rocksdb::Status& status, const std::string& what);
// Another program, or this one, has the directory open.
bool is_lock_error(const rocksdb::Status& status);

rocksdb::DBOptions database_options();
// All tables of `spec`, then those that are stored beside them: a newer format may have tables we
// do not know, and they have to be opened to get at the format.
Result<std::vector<rocksdb::ColumnFamilyDescriptor>> all_tables(const TablesSpec& spec);
// The tables of `spec` that are stored; all when the directory does not tell.
std::vector<rocksdb::ColumnFamilyDescriptor> known_tables(const TablesSpec& spec);

// LOCK of a directory. Released at the end.
class RocksLock {
 public:
  static Result<RocksLock> take(const std::string& path);
  ~RocksLock();
  RocksLock(RocksLock&& other) noexcept : lock_(other.lock_) { other.lock_ = nullptr; }
  RocksLock& operator=(RocksLock&&) = delete;

 private:
  explicit RocksLock(rocksdb::FileLock* lock) : lock_(lock) {}
  rocksdb::FileLock* lock_;
};

// Handles point into the database and go before it.
struct RocksHandle {
  std::unique_ptr<RocksLock> lock;  // of one that is only read: RocksDB takes none for that
  std::shared_ptr<LogWatch> log = std::make_shared<LogWatch>();
  std::unique_ptr<rocksdb::DB> db;
  // In the order of TablesSpec::tables; nullptr for one that is not stored, when it is only read.
  std::vector<rocksdb::ColumnFamilyHandle*> tables;

  RocksHandle() = default;
  RocksHandle(RocksHandle&&) = default;
  RocksHandle& operator=(RocksHandle&&) = delete;
  ~RocksHandle();
};

}  // namespace rollback
