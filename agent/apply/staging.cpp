// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/staging.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "core/fs/holes.h"

namespace rollback {

namespace {

class Stager {
 public:
  explicit Stager(const StagingInput& input) : input_(input) {
    for (const auto& group : input.target.snapshot.hard_links)
      for (const auto& path : group) link_group_[path] = group.front();
  }

  Result<std::vector<FileOp>> run() {
    for (const auto& step : input_.plan.steps) {
      if (step.phase != StepPhase::kCommit) continue;
      ROLLBACK_TRY(add(step));
    }
    add_directory_times();
    ROLLBACK_TRY(input_.stages.sync());
    return std::move(ops_);
  }

 private:
  Status add(const PlanStep& step) {
    FileOp op;
    op.path = step.subject;
    op.stage = input_.stages.index_of(op.path);
    ROLLBACK_ASSIGN(const Directory* stage, input_.stages.at(op.stage));
    const auto slot = fmt::format("{:06}", ops_.size());
    ROLLBACK_TRY(fill(step.action, op, *stage, slot));
    ops_.push_back(std::move(op));
    return {};
  }

  // Of managed directories in which something moves; the time of others is that of the change.
  void add_directory_times() {
    std::set<std::string> touched;
    for (const auto& op : ops_) touched.insert(parent_of(op.path));
    for (const auto& path : touched) {
      const Node* before = find_directory(input_.live, path);
      const Node* after = find_directory(input_.target, path);
      if (before == nullptr && after == nullptr) continue;
      FileOp op;
      op.kind = FileOpKind::kDirectoryTime;
      op.path = path;
      op.from.mtime_ns = (before != nullptr ? before : after)->meta.mtime_ns;
      op.to.mtime_ns = (after != nullptr ? after : before)->meta.mtime_ns;
      ops_.push_back(std::move(op));
    }
  }

  static const Node* find_directory(const HostState& state, const std::string& path) {
    const auto found = state.manifest.find(path);
    const bool is_one = found != state.manifest.end() && found->second.kind == NodeKind::kDirectory;
    return is_one ? &found->second : nullptr;
  }

  // What capture leaves out (excluded names, sockets) would stop the commit half-way: told before.
  Status expect_nothing(const FileOp& op) {
    if (input_.live.manifest.contains(op.path)) return {};  // of another type, removed before
    ROLLBACK_ASSIGN(const auto there, find_live(input_.root, op.path));
    if (!there) return {};
    return fail(ErrorCode::kConflict,
                op.path +
                    " has to be written, and something that is not managed (an excluded name, "
                    "a socket, a device or a mount point) is in its place; move it away");
  }

  Status fill(StepAction action, FileOp& op, const Directory& stage, const std::string& slot) {
    switch (action) {
      case StepAction::kReplace:
      case StepAction::kWrite:
        op.kind = action == StepAction::kReplace ? FileOpKind::kExchange : FileOpKind::kCreate;
        op.slot = slot;
        if (action == StepAction::kWrite) ROLLBACK_TRY(expect_nothing(op));
        if (action == StepAction::kReplace) ROLLBACK_TRY(note_origin(op));
        return write_file(op, stage);
      case StepAction::kRemove:
        op.kind = FileOpKind::kRemove;
        op.slot = slot;
        return note_origin(op);
      case StepAction::kMakeDirectory:
        op.kind = FileOpKind::kMakeDirectory;
        op.slot = slot;
        ROLLBACK_TRY(expect_nothing(op));
        return make_directory(op, stage);
      case StepAction::kRemoveDirectory:
        op.kind = FileOpKind::kRemoveDirectory;
        op.from = input_.live.manifest.at(op.path).meta;
        return {};
      case StepAction::kDirectoryMetadata: {
        op.kind = FileOpKind::kDirectoryMetadata;
        op.from = input_.live.manifest.at(op.path).meta;
        op.to = with_owners_of_host(input_.target.manifest.at(op.path), input_.owners);
        return {};
      }
      default:
        return fail(ErrorCode::kBug, "a step on " + op.path + " that no commit can do");
    }
  }

  Status note_origin(FileOp& op) const {
    ROLLBACK_ASSIGN(const auto there, find_live(input_.root, op.path));
    if (!there) return fail(ErrorCode::kConflict, op.path + " vanished meanwhile; try again");
    op.origin = there->ino;
    return {};
  }

  Status write_file(FileOp& op, const Directory& stage) {
    const Node& node = input_.target.manifest.at(op.path);
    const auto group = link_group_.find(op.path);
    if (group != link_group_.end()) {
      const auto [first, is_new] = first_of_group_.try_emplace(group->second, op);
      if (!is_new) return link(op, stage, first->second);
    }
    const FileMeta meta = with_owners_of_host(node, input_.owners);
    if (node.kind == NodeKind::kSymlink) {
      ROLLBACK_TRY(stage.make_symlink(node.target, op.slot));
      ROLLBACK_TRY(stage.set_meta(op.slot, meta));
    } else {
      ROLLBACK_TRY(write_content(op, stage, node, meta));
    }
    return note_staged(op, stage);
  }

  Status write_content(const FileOp& op, const Directory& stage, const Node& node,
                       const FileMeta& meta) {
    ROLLBACK_ASSIGN(File file, stage.create_file(op.slot, 0600));
    HoleWriter holes(file);
    const auto written = input_.content(node.content, [&](std::string_view piece) {
      return node.sparse ? holes.add(piece) : file.write_all(piece);
    });
    if (!written) return Failure(written.error().within("the content of " + op.path));
    if (node.sparse) ROLLBACK_TRY(holes.finish());
    ROLLBACK_TRY(apply_meta(stage.calls(), file.fd(), meta, file.path()));
    ROLLBACK_TRY(file.sync());
    return file.close();
  }

  Status link(FileOp& op, const Directory& stage, const FileOp& first) {
    if (first.stage != op.stage)
      return fail(ErrorCode::kUnsupported, op.path + " and " + first.path +
                                               " are one file in the release, but on two mounts "
                                               "here");
    const int result =
        stage.calls().linkat(stage.fd(), first.slot.c_str(), stage.fd(), op.slot.c_str(), 0);
    if (result < 0) return fail_errno(-result, "link the staged " + op.path);
    return note_staged(op, stage);
  }

  Status make_directory(FileOp& op, const Directory& stage) {
    op.to = with_owners_of_host(input_.target.manifest.at(op.path), input_.owners);
    ROLLBACK_TRY(stage.make_directory(op.slot, 0700));
    ROLLBACK_TRY(stage.set_meta(op.slot, op.to));
    ROLLBACK_TRY(stage.sync(op.slot));
    return note_staged(op, stage);
  }

  static Status note_staged(FileOp& op, const Directory& stage) {
    ROLLBACK_ASSIGN(const FileStat stat, stage.stat(op.slot));
    op.staged = stat.ino;
    return {};
  }

  const StagingInput& input_;
  std::map<std::string, std::string> link_group_;  // path -> first name of its group
  std::map<std::string, FileOp> first_of_group_;
  std::vector<FileOp> ops_;
};

}  // namespace

FileMeta with_owners_of_host(const Node& node, const OwnerNames& owners) {
  FileMeta meta = node.meta;
  meta.uid = owners.uid(node.user).value_or(meta.uid);
  meta.gid = owners.gid(node.group).value_or(meta.gid);
  return meta;
}

Result<std::vector<FileOp>> stage_contents(const StagingInput& input) {
  return Stager(input).run();
}

}  // namespace rollback
