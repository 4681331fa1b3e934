// SPDX-License-Identifier: Apache-2.0
#include "agent/store/archive_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/store/snapshot_store.h"
#include "protocol/records.h"

namespace rollback {

namespace {

// A capture goes 256 deep. Whoever walks a release later does so by recursion.
constexpr std::uint32_t kDeepest = 1024;
constexpr std::size_t kLongestTarget = 4095;  // PATH_MAX without its NUL

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

Failure twice(const Digest& id) { return damaged_archive(id.hex() + " is in it twice"); }

// What no capture makes and a restore would stumble over.
Status check_node(const Node& node) {
  const bool file = node.kind == NodeKind::kFile;
  const bool directory = node.kind == NodeKind::kDirectory;
  const bool link = node.kind == NodeKind::kSymlink;
  if ((file || directory) == node.content.is_none() || directory == node.root.is_none() ||
      link == node.target.empty() || (!file && node.size != 0))
    return damaged_archive(fmt::format("a {} in it is malformed", to_string(node.kind)));
  if (node.target.size() > kLongestTarget || has_nul(node.target) || has_nul(node.user) ||
      has_nul(node.group))
    return damaged_archive("a name in it holds what no name can hold");
  for (const auto& [name, value] : node.meta.xattrs)
    if (name.empty() || has_nul(name)) return damaged_archive("an attribute in it has no name");
  return {};
}

}  // namespace

Status ArchiveCheck::add_content(const Digest& id, std::string_view packed) {
  const std::uint64_t size = declared_size(packed);
  if (is_chunk_list(packed) || size > kMaxArchiveContent)
    return damaged_archive(fmt::format("a content in it declares {} bytes", size));
  if (!contents_.emplace(id, Content{size, false, false}).second) return twice(id);
  return {};
}

Status ArchiveCheck::add_chunk_list(const Digest& id, std::string_view packed) {
  if (!is_chunk_list(packed)) return damaged_archive("a list of chunks in it is none");
  if (declared_size(packed) < kChunkedSize)
    return damaged_archive("content " + id.hex() + " is cut into chunks and too small for it");
  const auto list = unpack_blob(id, packed);
  if (!list) return damaged_archive(list.error().message);
  for (const auto& chunk : std::get<ChunkList>(*list)) {
    const auto found = contents_.find(chunk.digest);
    if (found == contents_.end() || found->second.is_list || chunk.size == 0 ||
        found->second.size != chunk.size)
      return damaged_archive("content " + id.hex() + " names a chunk that is not in it");
    found->second.named = true;
  }
  if (!contents_.emplace(id, Content{declared_size(packed), true, false}).second) return twice(id);
  return {};
}

Result<ArchiveCheck::Below> ArchiveCheck::name_node(const Node& node) {
  ROLLBACK_TRY(check_node(node));
  if (node.kind == NodeKind::kSymlink) return Below{};
  if (node.kind == NodeKind::kFile) {
    const auto found = contents_.find(node.content);
    if (found == contents_.end() || found->second.size != node.size)
      return damaged_archive("content " + node.content.hex() + " is named and not in it");
    found->second.named = true;
    return Below{};
  }
  const auto found = trees_.find(node.content);
  if (found == trees_.end() || found->second.root != node.root)
    return damaged_archive("directory " + node.content.hex() + " is named and not in it");
  found->second.named = true;
  return found->second.below;
}

Status ArchiveCheck::add(Below& all, const Below& more) {
  all.paths += more.paths;
  all.depth = std::max(all.depth, more.depth + 1);
  if (all.paths <= kMaxSnapshotPaths && all.depth <= kDeepest) return {};
  return damaged_archive(
      fmt::format("it unfolds to more than {} paths, or {} deep", kMaxSnapshotPaths, kDeepest));
}

Status ArchiveCheck::add_tree(const Digest& id, const Tree& tree) {
  Directory directory{content_root(tree), {}, false};
  for (const auto& entry : tree.entries) {
    ROLLBACK_ASSIGN(const Below below, name_node(entry.node));
    ROLLBACK_TRY(add(directory.below, below));
  }
  if (!trees_.emplace(id, directory).second) return twice(id);
  return {};
}

Status ArchiveCheck::add_snapshot(const Snapshot& snapshot) {
  Below all;
  for (const auto& resource : snapshot.resources)
    for (const auto& managed : resource.paths) {
      if (!managed.node) continue;
      ROLLBACK_ASSIGN(const Below below, name_node(*managed.node));
      ROLLBACK_TRY(add(all, below));
    }
  return {};
}

Status ArchiveCheck::everything_is_named() const {
  const auto named = [](const auto& item) { return item.second.named; };
  if (std::all_of(contents_.begin(), contents_.end(), named) &&
      std::all_of(trees_.begin(), trees_.end(), named))
    return {};
  return damaged_archive("it holds what its release does not refer to");
}

}  // namespace rollback
