// SPDX-License-Identifier: Apache-2.0
// What snapshots are made of: trees, and the paths below them.
#include <fmt/format.h>

#include "agent/store/snapshot_store.h"
#include "protocol/records.h"

namespace rollback {

Status SnapshotStore::put_tree(const Tree& tree) {
  ROLLBACK_ASSIGN(auto bytes, encode_tree(tree));
  const Digest id = sha256(bytes);
  return put_tree(id, std::move(bytes));
}

Status SnapshotStore::put_tree(const Digest& id, std::string bytes) {
  ROLLBACK_ASSIGN(const bool known, has_tree(id));
  if (known) return {};
  return database_.write({{Table::kTrees, std::string(id.view()), std::move(bytes)}},
                         Durability::kBuffered);
}

Result<bool> SnapshotStore::has_tree(const Digest& id) const {
  return database_.has(Table::kTrees, id.view());
}

Result<Tree> SnapshotStore::load_tree(const Digest& id) const {
  const std::string name = "directory " + id.hex();
  ROLLBACK_ASSIGN(const auto bytes, database_.get(Table::kTrees, id.view()));
  if (!bytes) return fail(ErrorCode::kNotFound, name + " is not stored");
  if (sha256(*bytes) != id)
    return database_.note_damage(Table::kTrees, id.view(),
                                 name + ": what is stored has another hash");
  auto tree = decode_tree(*bytes);
  if (!tree)
    return database_.note_damage(Table::kTrees, id.view(), tree.error().within(name).message);
  return tree;
}

Status SnapshotStore::walk_tree(const Digest& tree, const std::string& path, std::size_t& entries,
                                const VisitPath& visit) const {
  const auto loaded = load_tree(tree);
  if (!loaded) return Failure(loaded.error().within(path));
  const auto below = [&](const std::string& name) {
    return path == "/" ? "/" + name : path + "/" + name;
  };
  for (const auto& entry : loaded->entries) {
    const std::string at = below(entry.name);
    if (!is_canonical_path(at) || ++entries > kMaxSnapshotPaths)
      return database_.note_damage(Table::kTrees, tree.view(),
                                   path + " holds a path too long or more than " +
                                       std::to_string(kMaxSnapshotPaths) + " entries");
    ROLLBACK_TRY(visit(at, &entry.node));
    if (entry.node.kind == NodeKind::kDirectory)
      ROLLBACK_TRY(walk_tree(entry.node.content, at, entries, visit));
  }
  for (const auto& name : loaded->special) ROLLBACK_TRY(visit(below(name), nullptr));
  return {};
}

Status SnapshotStore::walk(const std::vector<ManagedPath>& paths, const VisitPath& visit) const {
  std::size_t entries = 0;
  for (const auto& managed : paths) {
    if (!managed.node) continue;
    ROLLBACK_TRY(visit(managed.path, &*managed.node));
    if (managed.node->kind == NodeKind::kDirectory)
      ROLLBACK_TRY(walk_tree(managed.node->content, managed.path, entries, visit));
  }
  return {};
}

Result<Snapshot> SnapshotStore::load_snapshot(const SnapshotId& id) const {
  const std::string name = "snapshot " + id.short_str();
  ROLLBACK_ASSIGN(const auto bytes, database_.get(Table::kSnapshots, id.digest.view()));
  if (!bytes) return fail(ErrorCode::kNotFound, name + " is not stored");
  if (snapshot_id(*bytes) != id)
    return database_.note_damage(Table::kSnapshots, id.digest.view(),
                                 name + ": what is stored has another hash");
  auto snapshot = decode_snapshot(*bytes);
  if (!snapshot)
    return database_.note_damage(Table::kSnapshots, id.digest.view(),
                                 snapshot.error().within(name).message);
  return snapshot;
}

Status SnapshotStore::put_snapshot(const Snapshot& snapshot) {
  ROLLBACK_ASSIGN(auto bytes, encode_snapshot(snapshot));
  const SnapshotId id = snapshot_id(bytes);
  return database_.write({{Table::kSnapshots, std::string(id.digest.view()), std::move(bytes)}},
                         Durability::kSynced);
}

Result<HostState> SnapshotStore::load_state(const SnapshotId& id) const {
  ROLLBACK_ASSIGN(auto snapshot, load_snapshot(id));
  HostState state{std::move(snapshot), id, {}, {}, {}};
  state.content_root = content_root(state.snapshot);
  const auto keep = [&](const std::string& path, const Node* node) -> Status {
    if (node == nullptr)
      state.left_out.emplace(path, LeftOut::kListed);
    else
      state.manifest.insert_or_assign(path, *node);
    if (state.manifest.size() <= kMaxSnapshotPaths) return {};
    return fail(ErrorCode::kCorrupt,
                "it holds more than " + std::to_string(kMaxSnapshotPaths) + " paths");
  };
  for (const auto& resource : state.snapshot.resources)
    if (const auto walked = walk(resource.paths, keep); !walked)
      return Failure(walked.error().within("snapshot " + id.short_str()));
  return state;
}

}  // namespace rollback
