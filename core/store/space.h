// SPDX-License-Identifier: Apache-2.0
// What values take on the disk, and giving it back when they are gone. For core/store/*.cpp only.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace rollback {

// Keys in order from `from` on, with the bytes that key and value take as they are stored. Values
// in blob files are not read. What is written meanwhile may be seen or not.
Status scan_stored_sizes(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, std::string_view from,
                         const std::function<bool(std::string_view key, std::uint64_t)>& visit);

// Rewrites files until at most `tolerated` (0 to 1) of the bytes of large values belong to values
// that are gone. Memory does not grow with the store. `stop` from another thread ends it early,
// which is kBusy; nothing is lost by that.
Status rewrite_files(rocksdb::DB& db, const std::vector<rocksdb::ColumnFamilyHandle*>& tables,
                     double tolerated, std::atomic<bool>& stop);

// Bytes that the files of `directory` take on its file system.
Result<std::uint64_t> disk_size(const std::string& directory);

}  // namespace rollback
