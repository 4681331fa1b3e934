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
    case FileOpKind::kDirectoryMetadata:
      return live.directory.set_meta(live.name, op.to);
  }
  return fail(ErrorCode::kBug, "an operation of an unknown kind on " + op.path);
}

}  // namespace

Status commit_files(const Directory& root, const StageSet& stages, const std::vector<FileOp>& ops) {
  for (const auto& op : ops) ROLLBACK_TRY(commit_one(root, stages, op));
  return sync_touched(root, stages, ops);
}

Status sync_touched(const Directory& root, const StageSet& stages, const std::vector<FileOp>& ops) {
  std::set<std::string> directories;
  for (const auto& op : ops) {
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
