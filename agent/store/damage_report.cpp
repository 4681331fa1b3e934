// SPDX-License-Identifier: Apache-2.0
#include "agent/store/damage_report.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <unordered_set>

#include "agent/store/keys.h"
#include "protocol/records.h"

namespace rollback {
namespace {

// In the order of Table.
constexpr std::array<std::string_view, 9> kNames = {
    "default", "blobs", "trees", "snapshots", "revisions", "history", "runs", "events", "scans"};

using Where = std::pair<Table, std::string>;

class Walk {
 public:
  Walk(const Database& database, const SnapshotStore& snapshots, const BlobStore& blobs,
       const std::function<bool()>& go_on)
      : database_(database), snapshots_(snapshots), blobs_(blobs), go_on_(go_on) {}

  void expect(const Database::Damaged& damaged, bool missing) {
    Found found;
    found.damage = {damaged.table, damaged.key, object_name(damaged.table, damaged.key),
                    damaged.what,  {},          {}};
    found.only_missing = missing;
    found_.emplace(Where(damaged.table, damaged.key), std::move(found));
  }

  Status revisions() {
    Status outcome;
    const auto visit = [&](std::string_view, std::string_view value) {
      if (const auto revision = decode_revision(value)) outcome = this->revision(*revision);
      return outcome.has_value();
    };
    // A table that cannot be read is noted already; what was read before it counts.
    (void)database_.scan(Table::kRevisions, {}, {}, visit);
    return outcome;
  }

  std::vector<Damage> take() {
    std::vector<Damage> damage;
    for (auto& [where, found] : found_)
      if (!found.only_missing || !found.damage.releases.empty())
        damage.push_back(std::move(found.damage));
    return damage;
  }

 private:
  struct Found {
    Damage damage;
    bool only_missing = false;
  };

  Status revision(const Revision& revision) {
    release_ = revision.name.str();
    entered_.clear();
    const auto key = revision.snapshot.digest.view();
    const auto bytes = database_.get(Table::kSnapshots, key);
    if (!bytes || !*bytes) {
      broken(Table::kSnapshots, key, "", bytes ? "it is not stored" : bytes.error().message);
      return {};
    }
    const auto snapshot = decode_snapshot(**bytes);
    if (snapshot_id(**bytes) != revision.snapshot || !snapshot) {
      broken(Table::kSnapshots, key, "", "what is stored has another hash");
      return {};
    }
    for (const auto& resource : snapshot->resources)
      for (const auto& managed : resource.paths)
        if (managed.node) ROLLBACK_TRY(node(*managed.node, managed.path));
    return {};
  }

  Status node(const Node& node, const std::string& path) {
    if (node.kind == NodeKind::kDirectory) return directory(node.content, path);
    if (node.kind == NodeKind::kFile) content(node, path);
    return {};
  }

  Status directory(const Digest& id, const std::string& path) {
    if (!entered_.insert(id).second) return {};
    if (!go_on_()) return fail(ErrorCode::kBusy, "the search for what is damaged was stopped");
    const auto tree = snapshots_.load_tree(id);
    if (!tree) {
      broken(Table::kTrees, id.view(), path, tree.error().message);
      return {};
    }
    for (const auto& entry : tree->entries) ROLLBACK_TRY(node(entry.node, path + "/" + entry.name));
    return {};
  }

  void content(const Node& node, const std::string& path) {
    hit(Table::kBlobs, node.content.view(), path);
    if (node.size < kChunkedSize) return;
    if (const auto chunks = blobs_.chunks(node.content))
      for (const auto& chunk : *chunks) hit(Table::kBlobs, chunk.digest.view(), path);
  }

  // Known or not, it is broken.
  void broken(Table table, std::string_view key, const std::string& path, const std::string& what) {
    if (!found_.contains(Where(table, key))) expect({table, std::string(key), what}, false);
    hit(table, key, path);
  }

  void hit(Table table, std::string_view key, const std::string& path) {
    const auto found = found_.find(Where(table, key));
    if (found == found_.end()) return;
    Damage& damage = found->second.damage;
    if (damage.releases.empty() || damage.releases.back() != release_)
      damage.releases.push_back(release_);
    if (!path.empty() && damage.releases.size() == 1 && damage.paths.size() < kMaxDamagedPaths)
      damage.paths.push_back(path);
  }

  const Database& database_;
  const SnapshotStore& snapshots_;
  const BlobStore& blobs_;
  const std::function<bool()>& go_on_;
  std::map<Where, Found> found_;
  std::string release_;
  std::unordered_set<Digest> entered_;  // directories of this release
};

}  // namespace

std::string object_name(Table table, std::string_view key) {
  const auto hex = [&] {
    return to_hex(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
  };
  const auto number = [&] { return key.size() == 8 ? std::to_string(key_number(key)) : hex(); };
  if (key.empty()) return "table " + std::string(kNames.at(static_cast<std::size_t>(table)));
  switch (table) {
    case Table::kBlobs:
      return "content " + hex();
    case Table::kTrees:
      return "directory " + hex();
    case Table::kSnapshots:
      return "snapshot " + hex();
    case Table::kRevisions:
      return "revision " + number();
    case Table::kHistory:
      return "history entry " + number();
    default:
      return "record " + hex();
  }
}

Result<std::vector<Damage>> report_damage(const Database& database, const SnapshotStore& snapshots,
                                          const BlobStore& blobs,
                                          const std::vector<Database::Damaged>& noted,
                                          const std::vector<Database::Damaged>& missing,
                                          const std::function<bool()>& go_on) {
  if (noted.empty() && missing.empty()) return std::vector<Damage>();
  for (;;) {
    const std::uint64_t version = snapshots.version();
    Walk walk(database, snapshots, blobs, go_on);
    for (const auto& damaged : noted) walk.expect(damaged, false);
    for (const auto& damaged : missing) walk.expect(damaged, true);
    ROLLBACK_TRY(walk.revisions());
    // What a release lost while it was removed is no damage.
    if (snapshots.version() == version) return walk.take();
  }
}

}  // namespace rollback
