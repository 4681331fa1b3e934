// SPDX-License-Identifier: Apache-2.0
#include "core/store/tables.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "core/store/opening.h"
#include "core/store/space.h"
#include "core/store/watermark.h"

namespace rollback {
namespace {

// Bulk bytes that still go through the log between two synced writes: a small release then makes no
// file of its own.
constexpr std::uint64_t kMaxLoggedBulk = 4ULL << 20U;

constexpr std::uint64_t kRestingBytes = 1U << 20U;  // that an idle store may hold to be written

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

struct Tables::Inner {
  TablesSpec spec;
  Watermark synced;
  RocksHandle rocks;
  std::atomic<std::uint64_t> logged_bulk = 0;  // bytes since the last synced write
  std::atomic<bool> unlogged = false;          // set after the write, so that no flush misses it
  std::mutex flushing;
  std::optional<Error> only_read;  // why; constant
  WriteStop stop;

  Inner(TablesSpec spec_in, Watermark synced_in, RocksHandle rocks_in)
      : spec(std::move(spec_in)),
        synced(std::move(synced_in)),
        rocks(std::move(rocks_in)),
        stop(spec.path, spec.room) {}

  // What did not go through the log is on the device afterwards, also when another thread's flush
  // had begun with it.
  Status flush_unlogged() {
    const std::lock_guard lock(flushing);
    if (!unlogged.exchange(false)) return {};
    const auto status = rocks.db->Flush({}, rocks.tables);
    if (status.ok()) return {};
    unlogged = true;
    return stop.stop(rocks_error(status, "write to the store " + spec.path));
  }
  [[nodiscard]] std::string where(std::size_t table) const {
    return fmt::format("the store {}, table {}", spec.path, spec.tables[table].name);
  }
  [[nodiscard]] std::unique_ptr<rocksdb::Iterator> iterate(std::size_t table) const {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    if (rocks.tables[table] == nullptr)
      return std::unique_ptr<rocksdb::Iterator>(rocksdb::NewEmptyIterator());
    return std::unique_ptr<rocksdb::Iterator>(rocks.db->NewIterator(options, rocks.tables[table]));
  }
  [[nodiscard]] bool is_empty() const {
    for (std::size_t table = 0; table < spec.tables.size(); ++table) {
      const auto at = iterate(table);
      at->SeekToFirst();
      if (at->Valid() || !at->status().ok()) return false;
    }
    return true;
  }
};

namespace {

Result<std::uint32_t> parse_format(const std::string& path, const std::string& text) {
  std::uint32_t format = 0;
  const bool digits = !text.empty() && text.size() <= 9 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits)
    return fail(ErrorCode::kCorrupt,
                fmt::format("the store {} has an unreadable format version", path));
  for (const char digit : text) format = format * 10 + static_cast<std::uint32_t>(digit - '0');
  return format;
}

Failure newer_format(const TablesSpec& spec, std::uint32_t format) {
  return fail(ErrorCode::kUnsupported,
              fmt::format("the store {} has format {}, this program reads up to {}; "
                          "install the newer version again",
                          spec.path, format, spec.format));
}

}  // namespace

Result<std::unique_ptr<Tables>> Tables::open(const TablesSpec& spec) {
  if (::mkdir(spec.path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(errno, "make the directory " + spec.path);
  ROLLBACK_TRY(find_room_to_open(spec.path, spec.room));
  ROLLBACK_ASSIGN(auto synced, Watermark::open(spec.path));
  ROLLBACK_ASSIGN(auto rocks, open_rocks(spec, synced.value()));
  std::unique_ptr<Tables> tables(
      new Tables(std::make_unique<Inner>(spec, std::move(synced), std::move(rocks))));
  ROLLBACK_TRY(tables->claim_format());
  // RocksDB has begun a new list of files. One that cannot be noted only weakens the next check.
  (void)tables->inner_->synced.raise(0);
  return tables;
}

Result<std::unique_ptr<Tables>> Tables::open_to_read(const TablesSpec& spec, Error why) {
  ROLLBACK_ASSIGN(auto synced, Watermark::open_to_read(spec.path));
  ROLLBACK_ASSIGN(auto rocks, open_rocks_to_read(spec));
  std::unique_ptr<Tables> tables(
      new Tables(std::make_unique<Inner>(spec, std::move(synced), std::move(rocks))));
  tables->inner_->only_read = std::move(why);
  // What says no version is read as far as it goes: every record has a version of its own.
  if (const auto stored = tables->get(0, kFormatKey); stored && *stored)
    if (const auto format = parse_format(spec.path, **stored); format && *format > spec.format)
      return newer_format(spec, *format);
  return tables;
}

Status Tables::claim_format() {
  const auto& spec = inner_->spec;
  ROLLBACK_ASSIGN(const auto stored, get(0, kFormatKey));
  const std::string mine = std::to_string(spec.format);
  if (!stored) {
    if (!inner_->is_empty())
      return fail(ErrorCode::kCorrupt,
                  fmt::format("the store {} has data but no format version", spec.path));
    return write({{0, kFormatKey, mine}}, Durability::kSynced);
  }
  ROLLBACK_ASSIGN(const auto format, parse_format(spec.path, *stored));
  if (format > spec.format) return newer_format(spec, format);
  if (format == spec.format) return {};
  return write({{0, kFormatKey, mine}}, Durability::kSynced);
}

Tables::Tables(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Tables::~Tables() = default;

Result<std::optional<std::string>> Tables::get(std::size_t table, std::string_view key) const {
  std::string value;
  if (inner_->rocks.tables[table] == nullptr) return std::nullopt;
  const auto status = inner_->rocks.db->Get({}, inner_->rocks.tables[table], slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return Failure(rocks_error(status, "read " + inner_->where(table)));
  return value;
}

Result<bool> Tables::has(std::size_t table, std::string_view key) const {
  auto& rocks = inner_->rocks;
  if (rocks.tables[table] == nullptr) return false;
  std::string unused;
  // Filters answer most questions for what is not there; the rest needs a read. Only "no" is an
  // answer: its out parameter `value_found` is true as well when the filter itself is not in
  // memory.
  if (!rocks.db->KeyMayExist({}, rocks.tables[table], slice(key), &unused)) return false;
  rocksdb::PinnableSlice value;
  const auto status = rocks.db->Get({}, rocks.tables[table], slice(key), &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return Failure(rocks_error(status, "read " + inner_->where(table)));
  return true;
}

Status Tables::write(const std::vector<TableChange>& changes, Durability durability) {
  auto& rocks = inner_->rocks;
  if (inner_->only_read) return Failure(*inner_->only_read);
  rocksdb::WriteBatch batch(0, 0, 8, 0);  // 8 bytes per key guard it on its way to memory
  for (const auto& change : changes) {
    auto* table = rocks.tables[change.table];
    const auto status = change.value ? batch.Put(table, slice(change.key), slice(*change.value))
                                     : batch.Delete(table, slice(change.key));
    if (!status.ok())
      return Failure(rocks_error(status, "prepare a write to " + inner_->spec.path));
  }
  const auto admit = [&] { return inner_->stop.admit(batch.GetDataSize(), *rocks.db, *rocks.log); };
  ROLLBACK_TRY(admit());
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSynced;
  if (options.sync) {
    ROLLBACK_TRY(inner_->flush_unlogged());
    ROLLBACK_TRY(admit());  // tables may have taken the room
  }
  options.disableWAL = durability == Durability::kBulk &&
                       inner_->logged_bulk.fetch_add(batch.GetDataSize()) > kMaxLoggedBulk;
  // Whatever has a number now comes before this batch in the log, so it is durable with it.
  const auto before = rocks.db->GetLatestSequenceNumber();
  const auto status = rocks.db->Write(options, &batch);
  if (!status.ok())
    return inner_->stop.stop(rocks_error(status, "write to the store " + inner_->spec.path));
  if (options.disableWAL) inner_->unlogged = true;
  if (!options.sync) return {};
  inner_->logged_bulk = 0;
  // The batch is durable; a watermark that cannot be raised only weakens the check at open.
  (void)inner_->synced.raise(before + batch.Count());
  return {};
}

Status Tables::scan(std::size_t table, std::string_view prefix, std::string_view from,
                    const Visit& visit) const {
  const auto at = inner_->iterate(table);
  for (at->Seek(slice(std::max(prefix, from))); at->Valid(); at->Next()) {
    if (!view(at->key()).starts_with(prefix)) break;
    if (!visit(view(at->key()), view(at->value()))) return {};
  }
  if (!at->status().ok()) return Failure(rocks_error(at->status(), "read " + inner_->where(table)));
  return {};
}

Status Tables::scan_backwards(std::size_t table, std::string_view prefix,
                              const Visit& visit) const {
  const auto at = inner_->iterate(table);
  // The first key behind all that begin with `prefix`: its last byte below 0xff, plus one.
  std::string behind(prefix);
  while (!behind.empty() && behind.back() == '\xff') behind.pop_back();
  if (behind.empty()) {
    at->SeekToLast();
  } else {
    behind.back() = static_cast<char>(static_cast<unsigned char>(behind.back()) + 1);
    at->Seek(behind);
    if (at->Valid())
      at->Prev();
    else if (at->status().ok())
      at->SeekToLast();
  }
  for (; at->Valid() && view(at->key()).starts_with(prefix); at->Prev()) {
    if (!visit(view(at->key()), view(at->value()))) return {};
  }
  if (!at->status().ok()) return Failure(rocks_error(at->status(), "read " + inner_->where(table)));
  return {};
}

Tables::Extent Tables::extent(std::size_t table) const {
  auto* const handle = inner_->rocks.tables[table];
  const auto ask = [&](const std::string& property) {
    std::uint64_t value = 0;
    if (handle != nullptr) (void)inner_->rocks.db->GetIntProperty(handle, property, &value);
    return value;
  };
  using Names = rocksdb::DB::Properties;
  return {ask(Names::kEstimateNumKeys), ask(Names::kLiveSstFilesSize) +
                                            ask(Names::kLiveBlobFileSize) +
                                            ask(Names::kCurSizeAllMemTables)};
}

// All tables share one cache.
void Tables::rest() const {
  auto& rocks = inner_->rocks;
  std::uint64_t unflushed = 0;
  rocks.db->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &unflushed);
  if (unflushed > kRestingBytes && !inner_->only_read && !inner_->stop.is_stopped()) {
    rocksdb::FlushOptions options;
    options.wait = false;
    (void)rocks.db->Flush(options,
                          rocks.tables);  // the log has it; the next write tells of a fault
  }
  for (auto* const handle : rocks.tables) {
    if (handle == nullptr) continue;
    const auto factory = rocks.db->GetOptions(handle).table_factory;
    const auto* const blocks = factory->GetOptions<rocksdb::BlockBasedTableOptions>();
    if (blocks != nullptr && blocks->block_cache) return blocks->block_cache->EraseUnRefEntries();
  }
}

bool Tables::is_only_read() const noexcept { return inner_->only_read.has_value(); }

bool Tables::is_stopped() const noexcept { return inner_->stop.is_stopped(); }

Status Tables::resume() { return inner_->stop.resume(*inner_->rocks.db, *inner_->rocks.log); }

bool Tables::take_resumed() noexcept { return inner_->stop.take_resumed(); }

bool Tables::needs_new_start() const {
  if (!inner_->only_read) return inner_->stop.needs_new_start(*inner_->rocks.log);
  return inner_->only_read->code == ErrorCode::kNoSpace && inner_->stop.has_room_to_open();
}

std::optional<Error> Tables::stopped() const {
  return inner_->only_read ? inner_->only_read : inner_->stop.why();
}

Status Tables::scan_sizes(std::size_t table, std::string_view from,
                          const std::function<bool(std::string_view, std::uint64_t)>& visit) const {
  if (inner_->rocks.tables[table] == nullptr) return {};
  return scan_stored_sizes(*inner_->rocks.db, inner_->rocks.tables[table], from, visit);
}

Status Tables::give_space_back(double tolerated, std::atomic<bool>& stop) {
  if (const auto why = stopped()) return Failure(*why);
  return rewrite_files(*inner_->rocks.db, inner_->rocks.tables, tolerated, stop);
}

Result<std::uint64_t> Tables::disk_size() const { return rollback::disk_size(inner_->spec.path); }

}  // namespace rollback
