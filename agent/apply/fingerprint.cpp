// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/fingerprint.h"

#include <fmt/format.h>

#include "agent/apply/stage.h"

namespace rollback {

namespace {

Failure changed(const std::string& path) {
  return fail(ErrorCode::kConflict, path + " changed since the run was prepared; prepare it again");
}

// Entries come and go in directories that are not all managed: their own times say nothing.
std::string line_of(const std::string& path, const FileStat& stat) {
  const bool directory = stat.type == FileType::kDirectory;
  return path + '\0' +
         fmt::format("{} {} {} {} {} {} {} {}\n", static_cast<int>(stat.type), stat.ino, stat.mode,
                     stat.uid, stat.gid, directory ? 0 : stat.size, directory ? 0 : stat.mtime_ns,
                     directory ? 0 : stat.ctime_ns);
}

bool is_as_captured(const Node& node, const FileStat& stat) {
  if (node.kind == NodeKind::kDirectory) return stat.type == FileType::kDirectory;
  if (node.kind == NodeKind::kSymlink) return stat.type == FileType::kSymlink;
  return stat.type == FileType::kRegular && stat.size == node.size &&
         stat.mtime_ns == node.meta.mtime_ns && stat.mode == node.meta.mode;
}

}  // namespace

Result<Digest> fingerprint(const Directory& root, const HostState& live) {
  Hasher hasher;
  LiveParents parents(root);
  for (const auto& [path, node] : live.manifest) {
    ROLLBACK_ASSIGN(const auto stat, parents.find(path));
    if (!stat || !is_as_captured(node, *stat)) return changed(path);
    hasher.update(line_of(path, *stat));
  }
  for (const auto& resource : live.snapshot.resources)
    for (const auto& path : resource.paths) {
      if (path.node) continue;
      ROLLBACK_ASSIGN(const auto stat, parents.find(path.path));
      if (stat) return changed(path.path);
    }
  return hasher.finish();
}

}  // namespace rollback
