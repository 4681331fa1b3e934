// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/commit.h"

#include <utility>

#include "core/fs/publish.h"

namespace rollback {

namespace {

Status commit_one(const StageSet& stages, LiveParents& parents, const FileOp& op) {
  ROLLBACK_ASSIGN(const Directory* live, parents.of(op.path));
  ROLLBACK_ASSIGN(const Directory* stage, stages.at(op.stage));
  const auto name = name_in_parent(op.path);
  switch (op.kind) {
    case FileOpKind::kExchange:
      return publish(*stage, op.slot, *live, name, PublishMode::kExchange);
    case FileOpKind::kCreate:
    case FileOpKind::kMakeDirectory:
      return publish(*stage, op.slot, *live, name, PublishMode::kMoveIn);
    case FileOpKind::kRemove:
      return publish(*stage, op.slot, *live, name, PublishMode::kMoveOut);
    case FileOpKind::kRemoveDirectory:
      return live->remove_directory(name);
    case FileOpKind::kDirectoryMetadata: {
      // It may be a mount point, which is entered, not its name.
      ROLLBACK_ASSIGN(const Directory directory, live->open_directory(name, Crossing::kAllow));
      return directory.set_meta("", op.to);
    }
    case FileOpKind::kDirectoryTime:
      break;
  }
  return fail(ErrorCode::kBug, "an operation of an unknown kind on " + op.path);
}

}  // namespace

Status commit_files(const Directory& root, const StageSet& stages, const std::vector<FileOp>& ops,
                    const SyncPolicy& policy, CommitWindow* window) {
  const Touched touched(root, stages, ops, policy);
  LiveParents parents(root);
  const BootTime began = window != nullptr ? window->clock.boot() : BootTime{};
  for (const auto& op : ops) {
    if (op.kind == FileOpKind::kDirectoryTime)
      ROLLBACK_TRY(set_directory_time(root, op, op.to.mtime_ns));
    else
      ROLLBACK_TRY(commit_one(stages, parents, op));
  }
  if (window != nullptr) window->length = window->clock.boot() - began;
  return touched.sync();
}

Status set_directory_time(const Directory& root, const FileOp& op, std::int64_t mtime_ns) {
  const auto directory = live_directory(root, op.path);
  if (!directory && is_no_directory(directory.error())) return {};
  if (!directory) return Failure(directory.error());
  return apply_mtime(directory->calls(), directory->fd(), mtime_ns, op.path);
}

}  // namespace rollback
