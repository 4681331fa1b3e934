// SPDX-License-Identifier: Apache-2.0
#include "agent/store/scan_cache.h"

#include <utility>

#include "agent/store/keys.h"

namespace rollback {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kRowsOfBatch = 1000;

// Fixed-width numbers, big-endian as in keys.
class Writer {
 public:
  void number(std::uint64_t value, unsigned width) {
    for (unsigned shift = 8 * width; shift > 0; shift -= 8)
      bytes_ += static_cast<char>(value >> (shift - 8) & 0xff);
  }
  void bytes(std::string_view value) { bytes_ += value; }
  void digest(const Digest& digest) { bytes_ += digest.view(); }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number(unsigned width) { return key_number(bytes(width)); }
  // "" when so many are not left; good() says it.
  std::string_view bytes(std::size_t size) {
    if (size > rest_.size()) good_ = false;
    const auto taken = rest_.substr(0, good_ ? size : 0);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  Digest digest() { return Digest::from_bytes(bytes(Digest::kSize)).value_or(Digest()); }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

bool has_content(FileType type) {
  return type == FileType::kRegular || type == FileType::kDirectory;
}

SeenEntry read_entry(Reader& reader) {
  SeenEntry entry;
  const auto type = reader.number(1);
  if (type >= 1 && type <= 4) entry.type = static_cast<FileType>(type);
  entry.name = reader.bytes(reader.number(2));
  entry.ino = reader.number(8);
  entry.size = reader.number(8);
  entry.mtime_ns = static_cast<std::int64_t>(reader.number(8));
  entry.ctime_ns = static_cast<std::int64_t>(reader.number(8));
  if (has_content(entry.type)) entry.content = reader.digest();
  return entry;
}

}  // namespace

std::string encode_seen(const SeenDirectory& seen, std::uint64_t sweeps) {
  Writer writer;
  writer.bytes({&kVersion, 1});
  writer.number(sweeps, 8);
  writer.number(seen.dev, 8);
  writer.digest(seen.owners);
  writer.digest(seen.tree);
  writer.digest(seen.root);
  writer.number(seen.entries.size(), 4);
  for (const auto& entry : seen.entries) {
    writer.number(static_cast<std::uint64_t>(entry.type), 1);
    writer.number(entry.name.size(), 2);
    writer.bytes(entry.name);
    writer.number(entry.ino, 8);
    writer.number(entry.size, 8);
    writer.number(static_cast<std::uint64_t>(entry.mtime_ns), 8);
    writer.number(static_cast<std::uint64_t>(entry.ctime_ns), 8);
    if (has_content(entry.type)) writer.digest(entry.content);
  }
  return writer.take();
}

Result<StoredScan> decode_seen(std::string_view bytes) {
  Reader reader(bytes);
  const bool known = reader.bytes(1) == std::string_view(&kVersion, 1);
  StoredScan scan;
  scan.sweeps = reader.number(8);
  scan.seen.dev = reader.number(8);
  scan.seen.owners = reader.digest();
  scan.seen.tree = reader.digest();
  scan.seen.root = reader.digest();
  const auto count = reader.number(4);
  for (std::uint64_t i = 0; i < count && known && reader.good(); ++i) {
    scan.seen.entries.push_back(read_entry(reader));
    const auto last = scan.seen.entries.size() - 1;
    if (last > 0 && scan.seen.entries[last - 1].name >= scan.seen.entries[last].name)
      return fail(ErrorCode::kCorrupt, "what was seen of a directory is not in order");
  }
  if (!known || !reader.good() || !reader.at_end())
    return fail(ErrorCode::kCorrupt, "what was seen of a directory cannot be read");
  return scan;
}

std::optional<SeenDirectory> ScanCache::find(std::string_view path, std::uint64_t sweeps) const {
  const auto stored = database_.get(Table::kScans, path);
  if (!stored || !*stored) return std::nullopt;
  auto scan = decode_seen(**stored);
  if (!scan) return std::nullopt;
  if (scan->sweeps != sweeps || !database_.damage().empty()) distrust_what_is_lost(scan->seen);
  return std::move(scan->seen);
}

void ScanCache::distrust_what_is_lost(SeenDirectory& seen) const {
  const auto tree = database_.has(Table::kTrees, seen.tree.view());
  if (!tree || !*tree) seen.tree = Digest();
  for (auto& entry : seen.entries) {
    if (entry.type != FileType::kRegular) continue;
    const auto there = blobs_.has(entry.content);
    if (!there || !*there) entry.ino = 0;
  }
}

Status ScanCache::keep(const std::vector<Row>& rows, std::uint64_t sweeps) {
  std::vector<Change> changes;
  for (const auto& row : rows) {
    for (const auto& name : row.gone) ROLLBACK_TRY(forget_below(row.path + "/" + name, changes));
    changes.push_back({Table::kScans, row.path, encode_seen(row.seen, sweeps)});
    if (changes.size() < kRowsOfBatch) continue;
    ROLLBACK_TRY(database_.write(changes, Durability::kBuffered));
    changes.clear();
  }
  if (changes.empty()) return {};
  return database_.write(changes, Durability::kBuffered);
}

Status ScanCache::forget_below(std::string path, std::vector<Change>& changes) const {
  changes.push_back({Table::kScans, path, std::nullopt});
  path += '/';
  return database_.scan(Table::kScans, path, {}, [&](std::string_view key, std::string_view) {
    changes.push_back({Table::kScans, std::string(key), std::nullopt});
    return true;
  });
}

}  // namespace rollback
