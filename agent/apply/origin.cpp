// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/origin.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/bytes.h"
#include "protocol/records.h"

namespace rollback {

namespace {

constexpr const char* kFile = "origin";
constexpr std::size_t kMaxFile = 1U << 30U;
constexpr std::size_t kPiece = 1U << 20U;  // written at a time

// Frames of a length (4 bytes, little endian) and that many bytes: the snapshot, then its trees.
void put_frame(std::string& bytes, const std::string& frame) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    bytes.push_back(static_cast<char>((frame.size() >> shift) & 0xffU));
  bytes += frame;
}

Result<std::string_view> take_frame(std::string_view& rest) {
  std::uint32_t size = 0;
  for (unsigned i = 0; i < 4 && i < rest.size(); ++i)
    size |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(rest[i])) << (8 * i);
  if (rest.size() < 4 || size > rest.size() - 4)
    return fail(ErrorCode::kCorrupt, "the record of the run's origin is cut short");
  const auto frame = rest.substr(4, size);
  rest.remove_prefix(4 + size);
  return frame;
}

Result<std::string> read_saved(const StageSet& stages) {
  ROLLBACK_ASSIGN(const Directory* stage, stages.at(0));
  ROLLBACK_ASSIGN(const File file, stage->open_file(kFile));
  return file.read_all(kMaxFile);
}

Status put_tree(SnapshotStore& snapshots, const Digest& id, std::string_view tree,
                std::uint64_t& taken) {
  ROLLBACK_ASSIGN(const bool known, snapshots.has_tree(id));
  if (known) return {};
  taken += tree.size();
  return snapshots.put_tree(id, std::string(tree));
}

// All that `origin` names must be among them.
Status put_saved_trees(const StageSet& stages, const HostState& origin, SnapshotStore& snapshots,
                       std::uint64_t& taken) {
  ROLLBACK_ASSIGN(const std::string bytes, read_saved(stages));
  std::string_view rest(bytes);
  ROLLBACK_TRY(take_frame(rest));  // the snapshot
  std::set<Digest> put;
  while (!rest.empty()) {
    ROLLBACK_ASSIGN(const auto tree, take_frame(rest));
    const Digest id = sha256(tree);
    ROLLBACK_TRY(put_tree(snapshots, id, tree, taken));
    put.insert(id);
  }
  for (const auto& [path, node] : origin.manifest)
    if (node.kind == NodeKind::kDirectory && !put.contains(node.content))
      return fail(ErrorCode::kCorrupt, "the record of the run's origin lacks " + path);
  return {};
}

Status flatten(const std::map<Digest, Tree>& trees, const std::string& path, const Node& node,
               HostState& state) {
  state.manifest.emplace(path, node);
  if (node.kind != NodeKind::kDirectory) return {};
  const auto tree = trees.find(node.content);
  if (tree == trees.end())
    return fail(ErrorCode::kCorrupt, "the record of the run's origin lacks " + path);
  for (const auto& name : tree->second.special)
    state.left_out.emplace(path + "/" + name, LeftOut::kListed);
  for (const auto& entry : tree->second.entries)
    ROLLBACK_TRY(flatten(trees, path + "/" + entry.name, entry.node, state));
  return {};
}

// Which operation has the pre-image of a path.
std::unordered_map<std::string_view, const FileOp*> pre_images(const std::vector<FileOp>& ops) {
  std::unordered_map<std::string_view, const FileOp*> found;
  for (const auto& op : ops)
    if (!op.slot.empty() && op.origin != 0) found.emplace(op.path, &op);
  return found;
}

Result<File> open_origin(const KeepInput& input, const FileOp* replaced_by,
                         const std::string& path) {
  if (replaced_by != nullptr) {
    ROLLBACK_ASSIGN(const Directory* stage, input.stages.at(replaced_by->stage));
    return stage->open_file(replaced_by->slot);
  }
  ROLLBACK_ASSIGN(const ParentOf live, live_parent(input.root, path));
  return live.directory.open_file(live.name);
}

}  // namespace

Status save_origin(const StageSet& stages, const Origin& origin) {
  if (stages.paths().empty()) return {};
  ROLLBACK_ASSIGN(const Directory* stage, stages.at(0));
  ROLLBACK_ASSIGN(File file, stage->create_file(kFile, 0600));
  ROLLBACK_ASSIGN(const std::string snapshot, encode_snapshot(origin.state.snapshot));
  std::string bytes;
  put_frame(bytes, snapshot);
  for (const auto& [id, tree] : origin.memory.trees) {
    if (bytes.size() >= kPiece) ROLLBACK_TRY(file.write_all(std::exchange(bytes, {})));
    put_frame(bytes, tree);
  }
  ROLLBACK_TRY(file.write_all(bytes));
  ROLLBACK_TRY(file.sync());
  ROLLBACK_TRY(file.close());
  return stage->sync();
}

Result<Origin> load_origin(const StageSet& stages) {
  ROLLBACK_ASSIGN(const std::string bytes, read_saved(stages));
  std::string_view rest(bytes);
  Origin origin;
  ROLLBACK_ASSIGN(const auto snapshot, take_frame(rest));
  ROLLBACK_ASSIGN(origin.state.snapshot, decode_snapshot(snapshot));
  origin.state.id = snapshot_id(snapshot);
  origin.state.content_root = content_root(origin.state.snapshot);
  std::map<Digest, Tree> trees;
  while (!rest.empty()) {
    ROLLBACK_ASSIGN(const auto frame, take_frame(rest));
    ROLLBACK_ASSIGN(trees[sha256(frame)], decode_tree(frame));
  }
  for (const auto& resource : origin.state.snapshot.resources)
    for (const auto& path : resource.paths)
      if (path.node) ROLLBACK_TRY(flatten(trees, path.path, *path.node, origin.state));
  return origin;
}

Result<std::uint64_t> keep_origin(const KeepInput& input, const Origin& origin, const RunId& run,
                                  bool healthy, WallTime now) {
  std::uint64_t taken = 0;
  const auto replaced = pre_images(input.ops);
  const auto hold = input.snapshots.hold();
  for (const auto& [path, node] : origin.state.manifest) {
    if (node.kind != NodeKind::kFile) continue;
    const auto same = input.recorded.find(path);
    if (same != input.recorded.end() && same->second.content == node.content &&
        !input.not_recorded.contains(path))
      continue;
    ROLLBACK_ASSIGN(const bool known, input.blobs.has(node.content));
    if (known) continue;
    const auto op = replaced.find(path);
    ROLLBACK_ASSIGN(const File file,
                    open_origin(input, op == replaced.end() ? nullptr : op->second, path));
    BlobWriter writer(input.blobs);
    ROLLBACK_ASSIGN(const bool whole, file.read_exactly(node.size, [&](std::string_view piece) {
      return writer.add(piece);
    }));
    const auto changed = fail(ErrorCode::kConflict, path + " is not what it was before the run");
    if (!whole) return changed;
    ROLLBACK_ASSIGN(const Digest found, writer.finish());
    if (found != node.content) return changed;
    taken += writer.taken();
  }
  // The memory may have let go of them, or hold those of a later capture.
  if (!input.stages.paths().empty())
    ROLLBACK_TRY(put_saved_trees(input.stages, origin.state, input.snapshots, taken));
  else
    for (const auto& [id, tree] : origin.memory.trees)
      ROLLBACK_TRY(put_tree(input.snapshots, id, tree, taken));
  ROLLBACK_TRY(
      input.snapshots.record(origin.state, RevisionName::of_run(run), healthy, now, std::nullopt));
  return taken;
}

std::string text_of_kept(const RunId& run, std::uint64_t bytes, const RetentionRules& rules) {
  const auto size = bytes == 0 ? "which costs nothing because a release has all of it"
                               : format_bytes(bytes) + " of its own";
  return fmt::format("what this run replaced is kept as {}, {}, {}",
                     RevisionName::of_run(run).str(), size, origins_stay(rules));
}

}  // namespace rollback
