// SPDX-License-Identifier: Apache-2.0
#include "core/store/space.h"

#include <rocksdb/metadata.h>
#include <rocksdb/utilities/debug.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "core/store/rocks.h"

namespace rollback {
namespace {

// RocksDB's numbers for the kinds of an entry (db/dbformat.h).
constexpr int kDeletion = 0x0;
constexpr int kSingleDeletion = 0x7;
constexpr int kBlobIndex = 0x11;
// The head of a record in a blob file (db/blob/blob_log_format.h); its key stands there again.
constexpr std::uint64_t kRecordHead = 32;
// Entries of one step: a few MiB, because small values come with their keys.
constexpr std::size_t kStep = 1024;

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; !bytes.empty() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) break;
  }
  return number;
}

// What stands for a large value: kind (1 byte), file, offset, size, compression.
std::uint64_t size_in_blob_file(std::string_view index) {
  index.remove_prefix(std::min<std::size_t>(1, index.size()));
  (void)take_varint(index);
  (void)take_varint(index);
  return take_varint(index);
}

std::uint64_t stored_size(const rocksdb::KeyVersion& entry) {
  const std::uint64_t inside = entry.user_key.size() + entry.value.size();
  if (entry.type != kBlobIndex) return inside;
  return inside + kRecordHead + entry.user_key.size() + size_in_blob_file(entry.value);
}

rocksdb::Status compact(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, double age_cutoff,
                        std::atomic<bool>& stop) {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.canceled = &stop;
  options.blob_garbage_collection_policy = age_cutoff > 0
                                               ? rocksdb::BlobGarbageCollectionPolicy::kForce
                                               : rocksdb::BlobGarbageCollectionPolicy::kDisable;
  if (age_cutoff > 0) options.blob_garbage_collection_age_cutoff = age_cutoff;
  return db.CompactRange(options, table, nullptr, nullptr);
}

// The share of the oldest blob files, 0 to 1, whose rewriting leaves at most `tolerated` garbage.
// RocksDB rewrites the oldest files only; what it rewrites becomes the youngest.
double share_to_rewrite(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, double tolerated) {
  rocksdb::ColumnFamilyMetaData data;
  db.GetColumnFamilyMetaData(table, &data);
  auto& files = data.blob_files;
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.blob_file_number < b.blob_file_number; });
  double garbage = 0;
  double all = 0;
  for (const auto& file : files) {
    garbage += static_cast<double>(file.garbage_blob_bytes);
    all += static_cast<double>(file.total_blob_bytes);
  }
  std::size_t rewritten = 0;
  while (rewritten < files.size() && garbage > tolerated * all) {
    garbage -= static_cast<double>(files[rewritten].garbage_blob_bytes);
    all -= static_cast<double>(files[rewritten].garbage_blob_bytes);
    ++rewritten;
  }
  if (rewritten == 0) return 0;
  // RocksDB takes the whole part of share * files.
  return std::min(1.0, (static_cast<double>(rewritten) + 0.5) / static_cast<double>(files.size()));
}

}  // namespace

Status scan_stored_sizes(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, std::string_view from,
                         const std::function<bool(std::string_view, std::uint64_t)>& visit) {
  std::string next(from);
  std::string last;
  bool any = false;
  for (;;) {
    std::vector<rocksdb::KeyVersion> entries;
    const auto status = rocksdb::GetAllKeyVersions(&db, table, next, {}, kStep, &entries);
    if (!status.ok()) return Failure(rocks_error(status, "list what is stored"));
    for (const auto& entry : entries) {
      if (any && entry.user_key == last) continue;  // an older version
      last = entry.user_key;
      any = true;
      if (entry.type == kDeletion || entry.type == kSingleDeletion) continue;
      if (!visit(entry.user_key, stored_size(entry))) return {};
    }
    if (entries.size() < kStep) return {};
    next = last + '\0';
  }
}

Status rewrite_files(rocksdb::DB& db, const std::vector<rocksdb::ColumnFamilyHandle*>& tables,
                     double tolerated, std::atomic<bool>& stop) {
  const auto check = [&](const rocksdb::Status& status) -> Status {
    if (status.ok()) return {};
    if (stop) return fail(ErrorCode::kBusy, "giving space back was stopped; it goes on later");
    return Failure(rocks_error(status, "give space back"));
  };
  ROLLBACK_TRY(check(db.Flush({}, tables)));
  for (auto* const table : tables) {
    ROLLBACK_TRY(check(compact(db, table, 0, stop)));  // tells what is garbage in which file
    const double share = share_to_rewrite(db, table, tolerated);
    if (share > 0) ROLLBACK_TRY(check(compact(db, table, share, stop)));
  }
  return {};
}

Result<std::uint64_t> disk_size(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(directory, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    struct stat found {};
    if (::lstat(it->path().c_str(), &found) == 0)  // RocksDB may have removed it meanwhile
      bytes += static_cast<std::uint64_t>(found.st_blocks) * 512;
  }
  if (error) return fail_errno(error.value(), "list the directory " + directory);
  return bytes;
}

}  // namespace rollback
