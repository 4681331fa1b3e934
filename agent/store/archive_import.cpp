// SPDX-License-Identifier: Apache-2.0
#include "agent/store/archive_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "agent/store/archive_check.h"
#include "agent/store/archive_reader.h"
#include "protocol/records.h"

namespace rollback {

namespace {

// The order in which the kinds of records come: contents and trees as they like, then one of each
// of the others.
int place_of(RecordKind kind) {
  return kind == RecordKind::kSnapshot   ? 1
         : kind == RecordKind::kRevision ? 2
         : kind == RecordKind::kHost     ? 3
                                         : 0;
}
constexpr int kLastPlace = 3;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

class Importer {
 public:
  Importer(SnapshotStore& snapshots, BlobStore& blobs, ByteSource& source, const ImportOrder& order)
      : snapshots_(snapshots), blobs_(blobs), pack_(source), order_(order) {
    progress_.total_files = order.total_files;
    progress_.total_bytes = order.total_bytes;
  }

  Result<Imported> run() {
    if (const auto damage = snapshots_.damage(); !damage.empty())
      return fail(ErrorCode::kCorrupt, "nothing was imported: " + damage);
    const auto hold = snapshots_.hold();  // nothing refers to what is put, before the end
    for (;;) {
      ROLLBACK_ASSIGN(auto record, pack_.next());
      if (!record) break;
      ROLLBACK_TRY(take(*record));
      progress_.bytes = pack_.bytes();
      if (order_.on_progress) order_.on_progress(progress_);
    }
    if (place_ != kLastPlace) return damaged_archive("it holds no whole release");
    ROLLBACK_TRY(check_.everything_is_named());
    ROLLBACK_TRY(check_paths());
    ROLLBACK_ASSIGN(auto recorded, commit());
    return Imported{std::move(recorded), host_, pack_.records(), pack_.bytes(), pack_.digest()};
  }

 private:
  Status take(const PackRecord& record) {
    const int place = place_of(record.header.kind);
    const bool next = place == 0 ? place_ == 0 : place == place_ + 1;
    if (!next) return damaged_archive("its records are out of order");
    place_ = place;
    const Digest& id = record.header.id;
    const bool is_blob =
        record.header.kind == RecordKind::kContent || record.header.kind == RecordKind::kChunkList;
    if (!is_blob && sha256(record.payload) != id)
      return damaged_archive("a record in it has another hash");
    switch (record.header.kind) {
      case RecordKind::kContent:
        ++progress_.files;
        ROLLBACK_TRY(check_.add_content(id, record.payload));
        return of_archive(blobs_.adopt(id, record.payload));
      case RecordKind::kChunkList:
        ++progress_.files;
        ROLLBACK_TRY(check_.add_chunk_list(id, record.payload));
        return of_archive(blobs_.adopt(id, record.payload));
      case RecordKind::kTree:
        return tree(id, record.payload);
      case RecordKind::kSnapshot:
        return snapshot(id, record.payload);
      case RecordKind::kRevision:
        return revision(record.payload);
      case RecordKind::kHost:
        return host(record.payload);
      case RecordKind::kIndex:
        break;
    }
    return damaged_archive("its index is not at its end");
  }

  // What was found wrong while a record was put is a fault of the archive, unless what is stored
  // already turned out to be damaged.
  [[nodiscard]] Status of_archive(Status status) const {
    if (status || status.error().code != ErrorCode::kCorrupt) return status;
    if (const auto damage = snapshots_.damage(); !damage.empty()) return status;
    return damaged_archive(status.error().message);
  }

  // A newer program's record may have fields that would be lost here, and its id with them.
  static Status require_same(std::string_view what, const Result<std::string>& again,
                             const std::string& bytes) {
    if (again && *again == bytes) return {};
    return newer_archive(fmt::format("a {} holds fields that are not known here", what));
  }

  Status tree(const Digest& id, const std::string& bytes) {
    const auto tree = decode_tree(bytes);
    if (!tree) return refused(tree.error());
    ROLLBACK_TRY(require_same("directory", encode_tree(*tree), bytes));
    ROLLBACK_TRY(check_.add_tree(id, *tree));
    return snapshots_.put_tree(id, bytes);
  }

  Status snapshot(const Digest& id, const std::string& bytes) {
    auto decoded = decode_snapshot(bytes);
    if (!decoded) return refused(decoded.error());
    ROLLBACK_TRY(require_same("snapshot", encode_snapshot(*decoded), bytes));
    ROLLBACK_TRY(check_.add_snapshot(*decoded));
    state_.snapshot = *std::move(decoded);
    state_.id = SnapshotId{id};
    state_.content_root = content_root(state_.snapshot);
    return {};
  }

  Status revision(const std::string& bytes) {
    auto decoded = decode_revision(bytes);
    if (!decoded) return refused(decoded.error());
    ROLLBACK_TRY(require_same("revision", encode_revision(*decoded), bytes));
    if (decoded->name.is_run() || !check_git_ref(decoded->git_ref))
      return damaged_archive("what it says of its release is malformed");
    if (decoded->snapshot != state_.id || decoded->content_root != state_.content_root)
      return damaged_archive("its release is not what it holds");
    revision_ = *std::move(decoded);
    return {};
  }

  Status host(const std::string& name) {
    if (name.empty() || !is_printable(name))
      return damaged_archive("the name of its host is malformed");
    host_ = name;
    return {};
  }

  static Failure refused(const Error& error) {
    return error.code == ErrorCode::kUnsupported ? newer_archive(error.message)
                                                 : damaged_archive(error.message);
  }

  Status check_paths() {
    std::set<std::string> linked;
    for (const auto& group : state_.snapshot.hard_links) linked.insert(group.begin(), group.end());
    for (const auto& resource : state_.snapshot.resources)
      for (const auto& managed : resource.paths)
        if (managed.node) ROLLBACK_TRY(check_path(managed.path, *managed.node, linked));
    if (linked.empty()) return {};
    return damaged_archive(*linked.begin() + " is to be a hard link and is no file in it");
  }

  // How many and how deep they are was counted before (ArchiveCheck).
  Status check_path(const std::string& path, const Node& node, std::set<std::string>& linked) {
    if (!is_canonical_path(path)) return damaged_archive("a path in it is too long");
    ROLLBACK_TRY(order_.permit(path, node));
    if (node.kind == NodeKind::kFile) linked.erase(path);
    if (node.kind != NodeKind::kDirectory) return {};
    ROLLBACK_ASSIGN(const auto tree, snapshots_.load_tree(node.content));
    for (const auto& entry : tree.entries)
      ROLLBACK_TRY(check_path((path == "/" ? path : path + '/') + entry.name, entry.node, linked));
    return {};
  }

  Result<SnapshotStore::Recorded> commit() {
    ROLLBACK_ASSIGN(const auto label, ReleaseLabel::parse(revision_->name.label()));
    HistoryEntry entry = order_.entry;
    entry.reason += (entry.reason.empty() ? "exported by " : " (exported by ") + host_ +
                    (entry.reason.empty() ? "" : ")");
    // Where it was recorded, so that it does not count as newer than what came after it there.
    const WallTime recorded = std::min(revision_->recorded, order_.now);
    return snapshots_.record(state_, RevisionName::of_release(label, 0), revision_->healthy,
                             recorded, std::move(entry), revision_->git_ref);
  }

  SnapshotStore& snapshots_;
  BlobStore& blobs_;
  PackReader pack_;
  const ImportOrder& order_;
  ArchiveCheck check_;
  ArchiveProgress progress_;
  int place_ = 0;
  HostState state_;
  std::optional<Revision> revision_;
  std::string host_;
};

}  // namespace

Result<Imported> import_release(SnapshotStore& snapshots, BlobStore& blobs, ByteSource& source,
                                const ImportOrder& order) {
  return Importer(snapshots, blobs, source, order).run();
}

}  // namespace rollback
