// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/undo.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/apply/commit.h"
#include "core/fs/publish.h"

namespace rollback {

namespace {

enum class Did { kNothing, kReversed };

// One operation with what the disk shows of it.
struct Scene {
  const FileOp& op;
  const Directory& stage;
  const Directory& live;          // the parent of its path
  std::string_view name;          // in that
  std::optional<FileStat> there;  // at the live path
  std::optional<FileStat> slot;

  // A move that was made by a link and an unlink stopped in between.
  [[nodiscard]] bool has_both_names() const { return there && slot && there->ino == slot->ino; }
  Status move(PublishMode mode) const { return publish(stage, op.slot, live, name, mode); }
  // What somebody else put there in the meantime goes beside the slot, out of the way.
  Status set_aside() const {
    const auto aside = op.slot + std::string(kFoundSuffix);
    ROLLBACK_ASSIGN(const auto found, stage.find_stat(aside));
    if (found && found->ino == there->ino) {  // half-way
      ROLLBACK_TRY(stage.sync());
      return live.remove_file(name);
    }
    return publish(stage, aside, live, name, PublishMode::kMoveOut);
  }
};

// The slot holds the origin: put it back, whatever is at its path now.
Result<Did> bring_back(const Scene& scene) {
  if (scene.there) ROLLBACK_TRY(scene.set_aside());
  ROLLBACK_TRY(scene.move(PublishMode::kMoveIn));
  return Did::kReversed;
}

Result<Did> undo_exchange(const Scene& scene) {
  // No slot: brought back before. The staged file in it: never exchanged, or exchanged back.
  if (!scene.slot || scene.slot->ino == scene.op.staged) return Did::kNothing;
  if (!scene.there || scene.there->ino != scene.op.staged) return bring_back(scene);
  ROLLBACK_TRY(scene.move(PublishMode::kExchange));
  return Did::kReversed;
}

// The slot has been another name of the origin since before the commit.
Result<Did> undo_replace(const Scene& scene) {
  // No slot: brought back before. The origin live: never replaced.
  if (!scene.slot || (scene.there && scene.there->ino == scene.op.origin)) return Did::kNothing;
  if (scene.there && scene.there->ino == scene.op.staged) {
    ROLLBACK_TRY(scene.move(PublishMode::kReplace));
    return Did::kReversed;
  }
  ROLLBACK_ASSIGN(const auto waits, scene.stage.find_stat(incoming(scene.op)));
  if (waits) return Did::kNothing;  // somebody was there before the run was
  return bring_back(scene);
}

Result<Did> undo_create(const Scene& scene) {
  if (scene.has_both_names()) {
    ROLLBACK_TRY(scene.live.remove_file(scene.name));
    return Did::kReversed;
  }
  if (scene.slot || !scene.there) return Did::kNothing;
  const bool ours = scene.there->ino == scene.op.staged;
  ROLLBACK_TRY(ours ? scene.move(PublishMode::kMoveOut) : scene.set_aside());
  return Did::kReversed;
}

Result<Did> undo_remove(const Scene& scene) {
  if (!scene.slot) return Did::kNothing;
  if (scene.has_both_names()) {
    ROLLBACK_TRY(scene.live.sync());
    ROLLBACK_TRY(scene.stage.remove_file(scene.op.slot));
    return Did::kReversed;
  }
  return bring_back(scene);
}

Result<Did> undo_make_directory(const Scene& scene) {
  if (scene.slot || !scene.there || scene.there->ino != scene.op.staged) return Did::kNothing;
  // Refuses when somebody put files there meanwhile: they are nobody's to delete.
  ROLLBACK_TRY(scene.live.remove_directory(scene.name));
  return Did::kReversed;
}

Result<Did> undo_directory(const Scene& scene) {
  if (scene.there && scene.there->type != FileType::kDirectory)
    return fail(ErrorCode::kExists, "something else stands where the directory was");
  if (!scene.there) ROLLBACK_TRY(scene.live.make_directory(scene.name, 0700));
  // Also when it is there: a crash may have come between making it and this.
  ROLLBACK_ASSIGN(const Directory made, scene.live.open_directory(scene.name, Crossing::kAllow));
  ROLLBACK_TRY(made.set_meta("", scene.op.from));
  return scene.there ? Did::kNothing : Did::kReversed;
}

Result<Did> undo_one(const StageSet& stages, LiveParents& parents, const FileOp& op) {
  if (op.kind == FileOpKind::kDirectoryTime) return Did::kNothing;  // of set_times()
  const auto parent = parents.of(op.path);
  if (!parent && is_no_directory(parent.error()) &&
      (op.kind == FileOpKind::kCreate || op.kind == FileOpKind::kMakeDirectory))
    return Did::kNothing;  // its directory is gone, so it is too
  if (!parent) return Failure(parent.error());
  const auto name = name_in_parent(op.path);
  ROLLBACK_ASSIGN(const auto there, (*parent)->find_stat(name));
  ROLLBACK_ASSIGN(const Directory* stage, stages.at(op.stage));
  std::optional<FileStat> slot;
  if (!op.slot.empty()) {
    ROLLBACK_ASSIGN(slot, stage->find_stat(op.slot));
  }
  const Scene scene{op, *stage, **parent, name, there, slot};
  switch (op.kind) {
    case FileOpKind::kExchange:
      return undo_exchange(scene);
    case FileOpKind::kReplace:
      return undo_replace(scene);
    case FileOpKind::kCreate:
      return undo_create(scene);
    case FileOpKind::kRemove:
      return undo_remove(scene);
    case FileOpKind::kMakeDirectory:
      return undo_make_directory(scene);
    case FileOpKind::kRemoveDirectory:
    case FileOpKind::kDirectoryMetadata:
      return undo_directory(scene);
    case FileOpKind::kDirectoryTime:
      break;
  }
  return fail(ErrorCode::kBug, "an operation of an unknown kind");
}

// Not for what somebody else has put there, which stays.
bool is_of_the_disk(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kNoSpace || code == ErrorCode::kDenied ||
         code == ErrorCode::kBusy;
}

void note(FilesUndone& result, const std::string& what, const Error& error) {
  result.differs.push_back(what + ": " + error.message);
  result.unfinished = result.unfinished || is_of_the_disk(error.code);
}

// Every move into a directory has changed its time, so this comes after all of them.
void set_times(const LiveFiles& live, const std::vector<FileOp>& ops, FilesUndone& result) {
  for (const auto& op : ops) {
    if (op.kind != FileOpKind::kDirectoryTime) continue;
    if (const auto set = set_directory_time(live, op, op.from.mtime_ns); !set)
      note(result, op.path, set.error());
  }
}

FilesUndone undo_all(const LiveFiles& live, const StageSet& stages,
                     const std::vector<FileOp>& ops) {
  LiveParents parents(live.root());
  FilesUndone result;
  for (auto op = ops.rbegin(); op != ops.rend(); ++op) {
    const auto did = undo_one(stages, parents, *op);
    if (!did)
      note(result, op->path, did.error());
    else if (*did == Did::kReversed)
      ++result.reversed;
  }
  if (!result.unfinished) set_times(live, ops, result);  // what is still to move changes them again
  return result;
}

}  // namespace

void say_undoing(Journal* journal, const StageSet& stages, WallTime now) {
  const bool said = journal != nullptr && journal->append(JournalPhase{RunPhase::kUndoing, now});
  if (!said) (void)stages.say_undoing();
}

FilesUndone undo_files(const LiveFiles& live, const StageSet& stages,
                       const std::vector<FileOp>& ops, const SyncPolicy& policy) {
  const Touched touched(live.root(), stages, ops, policy);
  auto result = undo_all(live, stages, ops);
  if (result.unfinished) {
    const auto before = result.reversed;
    result = undo_all(live, stages, ops);
    result.reversed += before;
  }
  if (const auto synced = touched.sync(); !synced)  // never repeated: it would lie
    note(result, "not safely on disk", synced.error());
  return result;
}

}  // namespace rollback
