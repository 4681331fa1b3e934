// SPDX-License-Identifier: Apache-2.0
#include "agent/store/archive_export.h"

#include <fmt/format.h>

#include <unordered_set>

#include "agent/store/chunker.h"
#include "protocol/records.h"

namespace rollback {

namespace {

// Visits every tree once, those below it before it, and every content that it is the first to name.
class Walk {
 public:
  using OnContent = std::function<Status(const Node&)>;
  using OnTree = std::function<Status(const Digest&, const Tree&)>;
  Walk(const SnapshotStore& snapshots, OnContent on_content, OnTree on_tree)
      : snapshots_(snapshots), on_content_(std::move(on_content)), on_tree_(std::move(on_tree)) {}

  Status snapshot(const Snapshot& snapshot) {
    for (const auto& resource : snapshot.resources)
      for (const auto& managed : resource.paths)
        if (managed.node) ROLLBACK_TRY(node(*managed.node));
    return {};
  }

 private:
  Status node(const Node& it) {
    if (it.kind == NodeKind::kFile && contents_.insert(it.content).second) return on_content_(it);
    if (it.kind == NodeKind::kDirectory && !trees_.contains(it.content)) return tree(it.content);
    return {};
  }

  Status tree(const Digest& id) {
    ROLLBACK_ASSIGN(const auto loaded, snapshots_.load_tree(id));
    for (const auto& entry : loaded.entries) ROLLBACK_TRY(node(entry.node));
    trees_.insert(id);
    return on_tree_(id, loaded);
  }

  const SnapshotStore& snapshots_;
  OnContent on_content_;
  OnTree on_tree_;
  std::unordered_set<Digest> contents_;
  std::unordered_set<Digest> trees_;
};

// As a reader takes it.
std::string printable_name(std::string_view host) {
  std::string name(host.substr(0, 255));
  for (char& c : name)
    if (c < ' ' || c > '~') c = '?';
  return name.empty() ? "?" : name;
}

class Exporter {
 public:
  Exporter(const SnapshotStore& snapshots, const BlobStore& blobs, ByteSink& sink,
           const OnArchiveProgress& on_progress)
      : snapshots_(snapshots), blobs_(blobs), pack_(sink), on_progress_(on_progress) {}

  Result<PackWriter::Written> run(const Revision& revision, const std::string& host) {
    ROLLBACK_ASSIGN(const auto snapshot, snapshots_.load_snapshot(revision.snapshot));
    ROLLBACK_TRY(measure(snapshot));
    Walk walk(
        snapshots_, [this](const Node& node) { return content(node); },
        [this](const Digest& id, const Tree& tree) { return put_tree(id, tree); });
    ROLLBACK_TRY(walk.snapshot(snapshot));
    ROLLBACK_ASSIGN(const auto bytes, encode_snapshot(snapshot));
    if (snapshot_id(bytes) != revision.snapshot) return newer("snapshot");
    ROLLBACK_TRY(pack_.add(RecordKind::kSnapshot, sha256(bytes), bytes));
    ROLLBACK_ASSIGN(const auto record, encode_revision(revision));
    ROLLBACK_TRY(pack_.add(RecordKind::kRevision, sha256(record), record));
    const std::string name = printable_name(host);
    ROLLBACK_TRY(pack_.add(RecordKind::kHost, sha256(name), name));
    return pack_.finish();
  }

 private:
  Status measure(const Snapshot& snapshot) {
    const auto count = [this](const Node& node) -> Status {
      ++progress_.total_files;
      progress_.total_bytes += node.size;
      return {};
    };
    return Walk(snapshots_, count, [](const Digest&, const Tree&) { return Status(); })
        .snapshot(snapshot);
  }

  Status put_tree(const Digest& id, const Tree& tree) {
    ROLLBACK_ASSIGN(const auto bytes, encode_tree(tree));
    if (sha256(bytes) != id) return newer("directory");
    return pack_.add(RecordKind::kTree, id, bytes);
  }

  // What a newer version wrote may hold fields that were not read.
  static Failure newer(std::string_view what) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("a {} of this release was recorded by a newer rollback-agent, which "
                            "has to export it",
                            what));
  }

  Status content(const Node& node) {
    ROLLBACK_ASSIGN(const auto packed, blobs_.packed(node.content));
    if (declared_size(packed) != node.size)
      return fail(ErrorCode::kCorrupt,
                  fmt::format("content {} has {} bytes and its release says {}", node.content.hex(),
                              declared_size(packed), node.size));
    if (is_chunk_list(packed)) {
      ROLLBACK_TRY(chunks(node.content, packed));
    } else if (node.size > kMaxArchiveContent) {
      ROLLBACK_TRY(cut(node.content));
    } else if (written_.insert(node.content).second) {
      ROLLBACK_TRY(pack_.add(RecordKind::kContent, node.content, packed));
    }
    ++progress_.files;
    tell(node.size - told_);
    told_ = 0;
    return {};
  }

  Status chunks(const Digest& content, const std::string& packed) {
    ROLLBACK_ASSIGN(const auto list, unpack_blob(content, packed));
    for (const auto& chunk : std::get<ChunkList>(list)) {
      if (written_.insert(chunk.digest).second) {
        ROLLBACK_ASSIGN(const auto part, blobs_.packed(chunk.digest));
        ROLLBACK_TRY(pack_.add(RecordKind::kContent, chunk.digest, part));
      }
      tell(chunk.size);
      told_ += chunk.size;
    }
    return pack_.add(RecordKind::kChunkList, content, packed);
  }

  // Stored whole by a version that knew no chunks.
  Status cut(const Digest& content) {
    ROLLBACK_ASSIGN(const std::string bytes, blobs_.get(content));
    ChunkList list;
    for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(list.back().size)) {
      const std::string_view chunk = rest.substr(0, first_chunk(rest));
      list.push_back({sha256(chunk), static_cast<std::uint32_t>(chunk.size())});
      if (!written_.insert(list.back().digest).second) continue;
      ROLLBACK_ASSIGN(const auto packed, pack_blob(chunk));
      ROLLBACK_TRY(pack_.add(RecordKind::kContent, list.back().digest, packed));
    }
    return pack_.add(RecordKind::kChunkList, content, pack_chunks(content, list));
  }

  void tell(std::uint64_t bytes) {
    progress_.bytes += bytes;
    if (on_progress_) on_progress_(progress_);
  }

  const SnapshotStore& snapshots_;
  const BlobStore& blobs_;
  PackWriter pack_;
  const OnArchiveProgress& on_progress_;
  ArchiveProgress progress_;
  std::uint64_t told_ = 0;              // bytes of the content in hand
  std::unordered_set<Digest> written_;  // contents and chunks that are no lists
};

}  // namespace

Result<PackWriter::Written> export_release(const SnapshotStore& snapshots, const BlobStore& blobs,
                                           const Revision& revision, const std::string& host,
                                           ByteSink& sink, const OnArchiveProgress& on_progress) {
  if (revision.name.is_run())
    return fail(ErrorCode::kInvalid, revision.name.str() +
                                         " is what a run replaced on this host, and of no use on "
                                         "another; export a release");
  auto written = Exporter(snapshots, blobs, sink, on_progress).run(revision, host);
  if (!written) return Failure(written.error().within(revision.name.str() + " was not exported"));
  return written;
}

}  // namespace rollback
