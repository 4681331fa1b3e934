// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/commit.h"

#include <utility>

#include "core/fs/publish.h"

namespace rollback {

namespace {

enum class Moved { kNo, kYes };

// A rename changes the ctime of a file. One with several names may have been renamed by another of
// them, and overlayfs gives it a new inode then: such a file is compared by the rest.
bool is_as_seen(const FileOp& op, const FileStat& now, Moved moved) {
  const FileStat& seen = *op.seen;
  if (now.type != seen.type || now.mode != seen.mode || now.uid != seen.uid || now.gid != seen.gid)
    return false;
  if (seen.type == FileType::kDirectory) return now.ino == seen.ino;  // entries come and go
  if (now.size != seen.size || now.mtime_ns != seen.mtime_ns) return false;
  const bool one_name = seen.nlink == (op.kind == FileOpKind::kReplace ? 2U : 1U);
  if (moved == Moved::kYes) return !one_name || now.ino == seen.ino;
  return now.ino == seen.ino && (!one_name || now.ctime_ns == seen.ctime_ns);
}

// Somebody may come between this and the rename: what that has brought is looked at, too, once all
// are made.
Status check_seen(const FileOp& op, const Directory& directory, std::string_view name,
                  Moved moved) {
  if (!op.seen) return {};
  ROLLBACK_ASSIGN(const auto now, directory.find_stat(name));
  if (now && is_as_seen(op, *now, moved)) return {};
  return fail(ErrorCode::kConflict, op.path + " was changed by somebody while the run was at work");
}

Status move_in(const FileOp& op, const Directory& stage, const Directory& live,
               std::string_view name) {
  auto moved = publish(stage, op.slot, live, name, PublishMode::kMoveIn);
  if (moved || moved.error().code != ErrorCode::kExists) return moved;
  return fail(ErrorCode::kConflict, op.path + " was made by somebody while the run was at work");
}

Status commit_one(const StageSet& stages, LiveParents& parents, const FileOp& op) {
  ROLLBACK_ASSIGN(const Directory* live, parents.of(op.path));
  ROLLBACK_ASSIGN(const Directory* stage, stages.at(op.stage));
  const auto name = name_in_parent(op.path);
  ROLLBACK_TRY(check_seen(op, *live, name, Moved::kNo));
  switch (op.kind) {
    case FileOpKind::kExchange:
      return publish(*stage, op.slot, *live, name, PublishMode::kExchange);
    case FileOpKind::kReplace:
      return publish(*stage, incoming(op), *live, name, PublishMode::kReplace);
    case FileOpKind::kCreate:
    case FileOpKind::kMakeDirectory:
      return move_in(op, *stage, *live, name);
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

Status check_replaced(const StageSet& stages, const FileOp& op) {
  if (op.kind != FileOpKind::kExchange && op.kind != FileOpKind::kRemove) return {};
  ROLLBACK_ASSIGN(const Directory* stage, stages.at(op.stage));
  return check_seen(op, *stage, op.slot, Moved::kYes);
}

}  // namespace

Status commit_files(const LiveFiles& live, const StageSet& stages, const std::vector<FileOp>& ops,
                    const SyncPolicy& policy, CommitWindow* window) {
  const Touched touched(live.root(), stages, ops, policy);
  LiveParents parents(live.root());
  const BootTime began = window != nullptr ? window->clock.boot() : BootTime{};
  for (const auto& op : ops)
    if (op.kind != FileOpKind::kDirectoryTime) ROLLBACK_TRY(commit_one(stages, parents, op));
  if (window != nullptr) window->length = window->clock.boot() - began;
  for (const auto& op : ops) ROLLBACK_TRY(check_replaced(stages, op));
  for (const auto& op : ops)  // every move into a directory has changed its time
    if (op.kind == FileOpKind::kDirectoryTime)
      ROLLBACK_TRY(set_directory_time(live, op, op.to.mtime_ns));
  return touched.sync();
}

Status set_directory_time(const LiveFiles& live, const FileOp& op, std::int64_t mtime_ns) {
  const auto directory = live_directory(live.root(), op.path);
  if (!directory && is_no_directory(directory.error())) return {};
  if (!directory) return Failure(directory.error());
  return apply_mtime(directory->calls(), directory->fd(), mtime_ns, op.path);
}

}  // namespace rollback
