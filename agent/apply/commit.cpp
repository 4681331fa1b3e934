// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/commit.h"

#include <set>
#include <utility>

#include "core/fs/publish.h"

namespace rollback {

namespace {

Status move(const StageSet& stages, const FileOp& op, const ParentOf& live, PublishMode mode) {
  ROLLBACK_ASSIGN(const Directory* stage, stages.at(op.stage));
  return publish(*stage, op.slot, live.directory, live.name, mode);
}

Status commit_one(const Directory& root, const StageSet& stages, const FileOp& op) {
  if (op.kind == FileOpKind::kDirectoryTime) return set_directory_time(root, op, op.to.mtime_ns);
  ROLLBACK_ASSIGN(const ParentOf live, live_parent(root, op.path));
  switch (op.kind) {
    case FileOpKind::kExchange:
      return move(stages, op, live, PublishMode::kExchange);
    case FileOpKind::kCreate:
    case FileOpKind::kMakeDirectory:
      return move(stages, op, live, PublishMode::kMoveIn);
    case FileOpKind::kRemove:
      return move(stages, op, live, PublishMode::kMoveOut);
    case FileOpKind::kRemoveDirectory:
      return live.directory.remove_directory(live.name);
    case FileOpKind::kDirectoryMetadata: {
      // It may be a mount point, which is entered, not its name.
      ROLLBACK_ASSIGN(const Directory directory,
                      live.directory.open_directory(live.name, Crossing::kAllow));
      return directory.set_meta("", op.to);
    }
    case FileOpKind::kDirectoryTime:
      break;
  }
  return fail(ErrorCode::kBug, "an operation of an unknown kind on " + op.path);
}

}  // namespace

Status commit_files(const Directory& root, const StageSet& stages, const std::vector<FileOp>& ops) {
  for (const auto& op : ops) ROLLBACK_TRY(commit_one(root, stages, op));
  return sync_touched(root, stages, ops);
}

Status set_directory_time(const Directory& root, const FileOp& op, std::int64_t mtime_ns) {
  const auto directory = live_directory(root, op.path);
  if (!directory && is_no_directory(directory.error())) return {};
  if (!directory) return Failure(directory.error());
  return apply_mtime(directory->calls(), directory->fd(), mtime_ns, op.path);
}

Status sync_touched(const Directory& root, const StageSet& stages, const std::vector<FileOp>& ops) {
  std::set<std::string> directories;
  for (const auto& op : ops) {
    if (op.kind == FileOpKind::kDirectoryTime) continue;  // the parent of another one
    const auto slash = op.path.rfind('/');
    directories.insert(slash == 0 ? "/" : op.path.substr(0, slash));
    if (op.kind == FileOpKind::kDirectoryMetadata || op.kind == FileOpKind::kRemoveDirectory)
      directories.insert(op.path);
  }
  Status first;
  for (const auto& path : directories) {
    auto directory = live_directory(root, path);
    if (!directory && is_no_directory(directory.error()))
      continue;  // removed, or a file or link by now: its parent is in the list
    auto status = directory ? directory->sync() : Status(Failure(directory.error()));
    if (!status && first) first = std::move(status);
  }
  if (auto status = stages.sync(); !status && first) first = std::move(status);
  return first;
}

}  // namespace rollback
