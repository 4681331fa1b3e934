// SPDX-License-Identifier: Apache-2.0
#include "agent/service/repair.h"

#include <unordered_set>
#include <utility>

#include "agent/apply/stage.h"
#include "agent/capture/capture.h"
#include "agent/store/chunker.h"
#include "protocol/records.h"

namespace rollback {

namespace {

class Repair {
 public:
  Repair(Host& host, const std::vector<Damage>& damage) : host_(host) {
    for (const auto& one : damage)
      if (const auto id = Digest::from_bytes(one.key)) wanted_.insert(*id);
  }

  Status run() {
    TreeSink sink;
    ROLLBACK_ASSIGN(const auto live,
                    capture(host_.deps.root, host_.deps.resources, sink, host_.deps.readers, {}));
    for (auto& tree : sink.take()) ROLLBACK_TRY(offer_tree(std::move(tree)));
    ROLLBACK_TRY(offer_snapshot(live));
    for (const auto& [path, node] : live.manifest) {
      const bool may_share = node.size >= kChunkedSize;
      if (node.kind == NodeKind::kFile && (may_share || wanted_.contains(node.content)))
        ROLLBACK_TRY(offer_live(path));
    }
    return offer_stages(live);
  }

  // What can be read now; nobody's word is taken for it.
  [[nodiscard]] bool is_sound(const Damage& one) const {
    const auto id = Digest::from_bytes(one.key);
    if (!id) return false;
    switch (one.table) {
      case Table::kBlobs:
        return host_.deps.blobs.check_stored(*id).has_value();
      case Table::kTrees:
        return host_.deps.snapshots.load_tree(*id).has_value();
      case Table::kSnapshots:
        return host_.deps.snapshots.load_snapshot(SnapshotId{*id}).has_value();
      default:
        return false;
    }
  }

 private:
  Status offer_tree(std::string bytes) {
    const Digest id = sha256(bytes);
    return wanted_.contains(id) ? host_.deps.snapshots.put_tree(id, std::move(bytes)) : Status();
  }

  Status offer_snapshot(const HostState& live) {
    if (!wanted_.contains(live.id.digest)) return {};
    return host_.deps.snapshots.put_snapshot(live.snapshot);
  }

  Status offer_live(const std::string& path) {
    const auto parent = open_parent(host_.deps.root, path.substr(1), Crossing::kAllow);
    if (!parent) return {};  // it is gone since: one source less
    return offer_file(parent->directory, parent->name);
  }

  // Reads it twice: which of it is wanted is known when it was read once.
  Status offer_file(const Directory& directory, const std::string& name) {
    const auto file = directory.open_file(name);
    if (!file) return {};
    Hasher hasher;
    std::string held;
    bool chunked = false;
    const auto read = file->read_pieces([&](std::string_view piece) -> Status {
      hasher.update(piece);
      held += piece;
      chunked = chunked || held.size() >= kChunkedSize;
      return chunked ? offer_chunks(held, kMaxChunk) : Status();
    });
    if (!read) return {};
    if (chunked) ROLLBACK_TRY(offer_chunks(held, 1));
    if (!wanted_.contains(hasher.finish())) return {};
    const auto again = directory.open_file(name);
    if (!again) return {};
    BlobWriter writer(host_.deps.blobs);
    ROLLBACK_TRY(again->read_pieces([&](std::string_view piece) { return writer.add(piece); }));
    ROLLBACK_TRY(writer.finish());
    return {};
  }

  // Puts the wanted ones of `held` until less than `keep` is left.
  Status offer_chunks(std::string& held, std::size_t keep) {
    std::string_view rest(held);
    while (rest.size() >= keep && !rest.empty()) {
      const std::string_view chunk = rest.substr(0, first_chunk(rest));
      if (wanted_.contains(sha256(chunk))) ROLLBACK_TRY(host_.deps.blobs.put(chunk));
      rest.remove_prefix(chunk.size());
    }
    held.erase(0, held.size() - rest.size());
    return {};
  }

  // Stages that outlived their run lie beside those that a run would make now.
  Status offer_stages(const HostState& live) {
    std::vector<std::string> paths;
    for (const auto& resource : live.snapshot.resources)
      for (const auto& managed : resource.paths) paths.push_back(managed.path);
    const auto stages = StageSet::locate(host_.deps.root, RunId{}, paths);
    if (!stages) return {};
    for (const auto& path : stages->paths()) {
      const auto beside = live_directory(host_.deps.root, parent_of(path));
      if (!beside) continue;
      const auto names = beside->list("");
      for (const auto& name : names ? *names : std::vector<std::string>())
        if (name.starts_with(kKeptPrefix)) ROLLBACK_TRY(offer_below(*beside, name, 0));
    }
    return {};
  }

  Status offer_below(const Directory& parent, const std::string& name, int depth) {
    const auto stat = parent.stat(name);
    if (!stat || depth > kMaxDepth) return {};
    if (stat->type == FileType::kRegular) return offer_file(parent, name);
    if (stat->type != FileType::kDirectory) return {};
    const auto directory = parent.open_directory(name);
    const auto names = directory ? directory->list("") : Failure(directory.error());
    if (!names) return {};
    for (const auto& below : *names) ROLLBACK_TRY(offer_below(*directory, below, depth + 1));
    return {};
  }

  static constexpr int kMaxDepth = 64;
  Host& host_;
  std::unordered_set<Digest> wanted_;
};

}  // namespace

Result<std::vector<bool>> repair(Host& host, const std::vector<Damage>& damage) {
  const auto hold = host.deps.snapshots.hold();  // nothing that is put is swept away meanwhile
  Repair work(host, damage);
  ROLLBACK_TRY(work.run());
  std::vector<bool> sound;
  sound.reserve(damage.size());
  for (const auto& one : damage) sound.push_back(work.is_sound(one));
  return sound;
}

}  // namespace rollback
