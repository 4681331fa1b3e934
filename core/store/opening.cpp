// SPDX-License-Identifier: Apache-2.0
#include "core/store/opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rollback {
namespace {

using Families = std::vector<rocksdb::ColumnFamilyDescriptor>;

// RocksDB makes a new database where CURRENT is missing and then deletes the files it does not
// know. A directory with data and no CURRENT is damage, not a fresh start.
Status refuse_lost_current(const std::string& path, const Synced& synced) {
  auto* env = rocksdb::Env::Default();
  if (env->FileExists(path + "/CURRENT").ok()) return {};
  std::string held = synced.write == 0 ? "" : "SYNCED";
  std::vector<std::string> names;
  if (env->GetChildren(path, &names).ok())
    for (const auto& name : names)
      if (name.ends_with(".sst") || name.ends_with(".blob") || name.ends_with(".log")) held = name;
  if (held.empty()) return {};
  return fail(ErrorCode::kCorrupt,
              fmt::format("{} holds data ({}) but its file CURRENT is missing; "
                          "restore the directory from a backup",
                          path, held));
}

Result<RocksHandle> read_only(const TablesSpec& spec, const rocksdb::DBOptions& options,
                              const Families& families) {
  RocksHandle handle;
  rocksdb::DB* db = nullptr;
  const auto status =
      rocksdb::DB::OpenForReadOnly(options, spec.path, families, &handle.tables, &db);
  handle.db.reset(db);
  if (!status.ok()) return Failure(rocks_error(status, "open the store " + spec.path));
  return handle;
}

// Every file that the list names is there, and a reader that stops at the first damaged record of
// the log gets as far as what was synced.
Status look_first(const TablesSpec& spec, const Synced& synced) {
  ROLLBACK_TRY(check_manifest(spec.path, synced.manifest));
  auto options = database_options();
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  ROLLBACK_ASSIGN(const auto reader, read_only(spec, options, known_tables(spec)));
  // Whoever opens it asks for this first, and would find the damage when the log is written out.
  std::string format;
  const auto read = reader.db->Get({}, reader.tables[0], std::string(kFormatKey), &format);
  if (!read.ok() && !read.IsNotFound())
    return Failure(rocks_error(read, "open the store " + spec.path));
  const auto readable = reader.db->GetLatestSequenceNumber();
  if (readable >= synced.write) return {};
  return fail(ErrorCode::kCorrupt,
              fmt::format("the store {} lost {} of {} synced writes, its log is damaged or gone; "
                          "nothing was changed, restore the directory from a backup",
                          spec.path, synced.write - readable, synced.write));
}

Result<RocksHandle> read_what_is_left(const TablesSpec& spec) {
  auto options = database_options();
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.paranoid_checks = false;  // a file that is missing or broken fails who asks for it
  const auto families = known_tables(spec);
  if (auto opened = read_only(spec, options, families)) return opened;
  options.best_efforts_recovery = true;  // an older list of files, or a part of one
  return read_only(spec, options, families);
}

}  // namespace

Result<RocksHandle> open_rocks(const TablesSpec& spec, const Synced& synced) {
  {
    ROLLBACK_ASSIGN(const RocksLock lock, RocksLock::take(spec.path));
    ROLLBACK_TRY(refuse_lost_current(spec.path, synced));
    if (rocksdb::Env::Default()->FileExists(spec.path + "/CURRENT").ok())
      ROLLBACK_TRY(look_first(spec, synced));
  }
  auto options = database_options();
  ROLLBACK_ASSIGN(const auto families, all_tables(spec));
  RocksHandle handle;
  options.listeners = {handle.log};
  rocksdb::DB* db = nullptr;
  auto status = rocksdb::DB::Open(options, spec.path, families, &handle.tables, &db);
  if (status.IsCorruption()) {
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    status = rocksdb::DB::Open(options, spec.path, families, &handle.tables, &db);
  }
  if (!status.ok()) return Failure(rocks_error(status, "open the store " + spec.path));
  handle.db.reset(db);
  return handle;
}

Result<RocksHandle> open_rocks_to_read(const TablesSpec& spec) {
  ROLLBACK_ASSIGN(auto lock, RocksLock::take(spec.path));
  ROLLBACK_ASSIGN(auto handle, read_what_is_left(spec));
  handle.lock = std::make_unique<RocksLock>(std::move(lock));
  std::vector<rocksdb::ColumnFamilyHandle*> in_order(spec.tables.size(), nullptr);
  for (auto* const table : handle.tables) {
    const auto place = std::ranges::find(spec.tables, table->GetName(), &TableSpec::name);
    in_order[static_cast<std::size_t>(place - spec.tables.begin())] = table;
  }
  handle.tables = std::move(in_order);
  return handle;
}

}  // namespace rollback
