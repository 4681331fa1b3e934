// SPDX-License-Identifier: Apache-2.0
#include "core/store/rocks.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <algorithm>

namespace rollback {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

// An idle agent has 12 MiB of anonymous memory for everything: the cache holds index and filter
// blocks too, so that memory does not grow with the store.
constexpr std::size_t kCacheSize = 2 * kMiB;
constexpr std::size_t kLargeWriteBuffer = 8 * kMiB;
constexpr std::size_t kSmallWriteBuffer = 1 * kMiB;
constexpr std::size_t kWriteBlock = 32 * kKiB;  // an idle table holds one or two
// What tables hold of it is rewritten as they grow; a blob is written once. A first snapshot took
// 8 % less of the processor than with 4 KiB.
constexpr std::uint64_t kLargeValue = 256;

rocksdb::ColumnFamilyOptions table_options(const TableSpec& spec,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.cache_index_and_filter_blocks = true;
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  options.paranoid_file_checks = true;
  options.compression = spec.large_values ? rocksdb::kNoCompression : rocksdb::kLZ4Compression;
  options.write_buffer_size = spec.large_values ? kLargeWriteBuffer : kSmallWriteBuffer;
  options.max_write_buffer_number = 2;
  options.arena_block_size = kWriteBlock;
  options.enable_blob_files = spec.large_values;
  options.min_blob_size = kLargeValue;
  // Whether a content is stored is asked before each that is put; most are not.
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.memtable_whole_key_filtering = true;
  return options;
}

}  // namespace

Error rocks_error(const rocksdb::Status& status, const std::string& what) {
  const auto code = [&] {
    if (status.IsNoSpace()) return ErrorCode::kNoSpace;
    if (is_lock_error(status)) return ErrorCode::kBusy;
    if (status.IsCorruption()) return ErrorCode::kCorrupt;
    if (status.subcode() == rocksdb::Status::kPathNotFound) return ErrorCode::kCorrupt;
    if (status.IsNotSupported()) return ErrorCode::kUnsupported;
    if (status.IsInvalidArgument()) return ErrorCode::kInvalid;
    return ErrorCode::kIo;
  }();
  return Error{code, what + ": " + status.ToString()};
}

bool is_lock_error(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() && (text.find("lock hold by current process") != std::string::npos ||
                                text.find("While lock file") != std::string::npos);
}

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // Integrity. The default recovery mode hides damage; see open_rocks().
  options.paranoid_checks = true;
  options.track_and_verify_wals_in_manifest = true;
  options.verify_sst_unique_id_in_manifest = true;
  options.wal_compression = rocksdb::kNoCompression;  // its recovery had bugs until 7.10.2
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // Size.
  options.max_open_files = 64;
  options.max_file_opening_threads = 1;
  options.max_background_jobs = 2;
  options.max_total_wal_size = 4 * kLargeWriteBuffer;
  options.db_write_buffer_size = 2 * kLargeWriteBuffer;
  options.max_manifest_file_size = 4 * kMiB;
  // A log and a manifest of a few kilobytes would take 13 MB of the disk.
  options.allow_fallocate = false;
  options.table_cache_numshardbits = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  // RocksDB's own log: warnings only, at most two small files.
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 256 * kKiB;
  return options;
}

Result<std::vector<rocksdb::ColumnFamilyDescriptor>> all_tables(const TablesSpec& spec) {
  const auto cache = rocksdb::NewLRUCache(kCacheSize, 0);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& table : spec.tables)
    families.emplace_back(table.name, table_options(table, cache));
  if (!rocksdb::Env::Default()->FileExists(spec.path + "/CURRENT").ok()) return families;
  std::vector<std::string> stored;
  const auto status = rocksdb::DB::ListColumnFamilies(database_options(), spec.path, &stored);
  if (!status.ok()) return Failure(rocks_error(status, "open the store " + spec.path));
  for (const auto& name : stored) {
    if (std::ranges::none_of(spec.tables, [&](const auto& table) { return table.name == name; }))
      families.emplace_back(name, table_options({name, false}, cache));
  }
  return families;
}

std::vector<rocksdb::ColumnFamilyDescriptor> known_tables(const TablesSpec& spec) {
  const auto cache = rocksdb::NewLRUCache(kCacheSize, 0);
  std::vector<std::string> stored;
  const bool told = rocksdb::DB::ListColumnFamilies(database_options(), spec.path, &stored).ok();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& table : spec.tables)
    if (!told || std::ranges::find(stored, table.name) != stored.end())
      families.emplace_back(table.name, table_options(table, cache));
  return families;
}

Result<RocksLock> RocksLock::take(const std::string& path) {
  rocksdb::FileLock* lock = nullptr;
  const auto status = rocksdb::Env::Default()->LockFile(path + "/LOCK", &lock);
  if (status.ok()) return RocksLock(lock);
  if (!is_lock_error(status)) return Failure(rocks_error(status, "lock the store " + path));
  return fail(ErrorCode::kBusy,
              fmt::format("the store {0} is open already: {0}/LOCK is held ({1}); stop the program "
                          "that has it",
                          path, status.ToString()));
}

RocksLock::~RocksLock() {
  if (lock_ != nullptr) (void)rocksdb::Env::Default()->UnlockFile(lock_);
}

RocksHandle::~RocksHandle() {
  if (!db) return;
  for (auto* table : tables)
    if (table != nullptr) (void)db->DestroyColumnFamilyHandle(table);  // only frees memory
  (void)db->Close();  // everything that was promised is already in the log
}

}  // namespace rollback
