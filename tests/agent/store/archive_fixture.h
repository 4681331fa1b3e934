// SPDX-License-Identifier: Apache-2.0
// Stores that send a release to each other in memory, and packs that no export makes.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "agent/store/archive_export.h"
#include "agent/store/archive_import.h"
#include "agent/store/archive_reader.h"
#include "tests/agent/store/sample_state.h"
#include "tests/support/temp_directory.h"

namespace rollback {

class StringSink final : public ByteSink {
 public:
  Status write(std::string_view more) override {
    bytes += more;
    return {};
  }
  std::string bytes;
};

// Gives out at most `step` bytes at once, as a pipe may.
class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string_view bytes, std::size_t step = 4096)
      : rest_(bytes), step_(step) {}
  Result<std::size_t> read(char* bytes, std::size_t size) override {
    const std::size_t taken = std::min({size, step_, rest_.size()});
    std::copy_n(rest_.data(), taken, bytes);
    rest_.remove_prefix(taken);
    return taken;
  }

 private:
  std::string_view rest_;
  std::size_t step_;
};

struct StoreOfHost {
  explicit StoreOfHost(const std::string& path)
      : database(Database::open(path).value()), blobs(*database), snapshots(*database, blobs) {}

  Result<Revision> record(const Sample& sample, const std::string& label, bool healthy = true,
                          const std::string& git_ref = "") {
    ROLLBACK_TRY(put_contents(sample, snapshots, blobs));
    HistoryEntry entry;
    entry.actor = "root (uid 0)";
    ROLLBACK_ASSIGN(const auto recorded,
                    snapshots.record(sample.state, sample_release(label), healthy,
                                     WallTime{1'000'000'000}, entry, git_ref));
    return recorded.revision;
  }
  Result<std::string> exported(const Revision& revision) const {
    StringSink sink;
    ROLLBACK_ASSIGN(const auto written,
                    export_release(snapshots, blobs, revision, "web1", sink, nullptr));
    (void)written;
    return std::move(sink.bytes);
  }
  Result<Imported> import(std::string_view archive, std::size_t step = 4096) {
    StringSource source(archive, step);
    ImportOrder order;
    order.permit = permit;
    order.now = WallTime{5'000'000'000};
    order.entry.actor = "root (uid 0)";
    order.entry.reason = "from /root/v2.rbk";
    order.entry.time = order.now;
    return import_release(snapshots, blobs, source, order);
  }
  // What can be seen of the store.
  [[nodiscard]] std::vector<std::string> visible() const {
    std::vector<std::string> found;
    for (const auto table : {Table::kSnapshots, Table::kRevisions, Table::kHistory})
      (void)database->scan(table, {}, {}, [&](auto key, auto value) {
        found.push_back(std::string(key) + std::string(value));
        return true;
      });
    return found;
  }

  std::unique_ptr<Database> database;
  BlobStore blobs;
  SnapshotStore snapshots;
  std::function<Status(const std::string&, const Node&)> permit = [](auto&, auto&) {
    return Status();
  };
};

// The records of a pack, to be changed and packed again with a right index and a right hash.
inline std::vector<PackRecord> records_of(const std::string& archive) {
  StringSource source(archive);
  PackReader reader(source);
  std::vector<PackRecord> records;
  for (;;) {
    auto record = reader.next().value();
    if (!record) return records;
    records.push_back(*std::move(record));
  }
}

inline std::string packed_again(const std::vector<PackRecord>& records) {
  StringSink sink;
  PackWriter writer(sink);
  for (const auto& record : records)
    if (!writer.add(record.header.kind, record.header.id, record.payload))
      throw std::runtime_error("a record does not fit");
  (void)writer.finish().value();
  return std::move(sink.bytes);
}

inline PackRecord record_of(RecordKind kind, std::string payload) {
  return {{kind, static_cast<std::uint32_t>(payload.size()), sha256(payload)}, payload};
}

inline PackRecord content_record(const std::string& content) {
  auto packed = pack_blob(content).value();
  return {{RecordKind::kContent, static_cast<std::uint32_t>(packed.size()), sha256(content)},
          packed};
}

}  // namespace rollback
