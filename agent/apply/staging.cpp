// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/staging.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "agent/apply/first_few.h"
#include "agent/apply/posted_writes.h"
#include "agent/apply/replacing.h"
#include "core/fs/holes.h"
#include "core/fs/publish.h"

namespace rollback {

namespace {

constexpr std::uint64_t kReservedFrom = 1 << 20U;  // bytes of a file
constexpr std::uint64_t kHeldOfFile = 2 << 20U;    // most bytes in memory to write one file

bool is_lost(const Error& error) noexcept {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kCorrupt;
}

class Stager {
 public:
  explicit Stager(const StagingInput& input)
      : input_(input),
        parents_(input.root),
        replacing_(input.stages.paths().size()),
        writes_(input.writers) {
    for (const auto& group : input.target.snapshot.hard_links)
      for (const auto& path : group) link_group_[path] = group.front();
  }

  Result<std::vector<FileOp>> run() {
    std::vector<const PlanStep*> steps;
    for (const auto& step : input_.plan.steps)
      if (step.phase == StepPhase::kCommit) steps.push_back(&step);
    ROLLBACK_TRY(begin_syncs(steps));
    std::set<std::string> parents;
    for (const auto* step : steps) parents.insert(parent_of(step->subject));
    ops_.reserve(steps.size() + parents.size());  // a directory's time may be one more
    ops_.resize(steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) ROLLBACK_TRY(add(*steps[i], i));
    ROLLBACK_TRY(writes_.wait());
    ROLLBACK_TRY(check_complete());
    for (const auto& [op, first] : links_) ROLLBACK_TRY(link(*op, *first));
    add_directory_times(parents);
    ROLLBACK_TRY(sync());
    return std::move(ops_);
  }

 private:
  // What is written much of is synced at once, at the end; the rest file by file.
  Status begin_syncs(const std::vector<const PlanStep*>& steps) {
    std::vector<std::size_t> written(input_.stages.paths().size());
    for (const auto* step : steps)
      if (step->action == StepAction::kReplace || step->action == StepAction::kWrite ||
          step->action == StepAction::kMakeDirectory)
        ++written[input_.stages.index_of(step->subject)];
    syncs_.resize(written.size());
    for (std::uint32_t i = 0; i < written.size(); ++i) {
      if (written[i] < input_.policy.at_once_from) continue;
      ROLLBACK_ASSIGN(const Directory* stage, input_.stages.at(i));
      ROLLBACK_ASSIGN(syncs_[i], FileSystemSync::begin(*stage));
    }
    return {};
  }

  Status check_complete() const {
    if (lost_.empty()) return {};
    return fail(ErrorCode::kCorrupt,
                fmt::format("the store lacks contents of {}: {}; choose another release",
                            input_.plan.to, first_few(lost_)));
  }

  Status sync() const {
    for (std::uint32_t i = 0; i < syncs_.size(); ++i) {
      ROLLBACK_ASSIGN(const Directory* stage, input_.stages.at(i));
      ROLLBACK_TRY(syncs_[i] ? syncs_[i]->sync() : stage->sync());
    }
    return {};
  }

  Status add(const PlanStep& step, std::size_t number) {
    FileOp& op = ops_[number];
    op.path = step.subject;
    op.stage = input_.stages.index_of(op.path);
    ROLLBACK_ASSIGN(const Directory* stage, input_.stages.at(op.stage));
    ROLLBACK_TRY(replacing_on(op.stage, *stage));
    return fill(step.action, op, *stage, fmt::format("{:06}", number));
  }

  // Of managed directories in which something moves; the time of others is that of the change.
  void add_directory_times(const std::set<std::string>& touched) {
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
    ROLLBACK_ASSIGN(const auto there, parents_.find(op.path));
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
        if (action == StepAction::kReplace) ROLLBACK_TRY(prepare_replacing(op, stage));
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
        return look_at_live(op);
      case StepAction::kDirectoryMetadata:
        op.kind = FileOpKind::kDirectoryMetadata;
        op.from = input_.live.manifest.at(op.path).meta;
        op.to = with_owners_of_host(input_.target.manifest.at(op.path), input_.owners);
        return look_at_live(op);
      default:
        return fail(ErrorCode::kBug, "a step on " + op.path + " that no commit can do");
    }
  }

  // Once for each mount; refuses one on which a commit could not do what it must.
  Result<Replacing> replacing_on(std::uint32_t index, const Directory& stage) {
    auto& how = replacing_[index];
    if (!how) {
      ROLLBACK_ASSIGN(how, try_replacing(stage));
    }
    return *how;
  }

  Status prepare_replacing(FileOp& op, const Directory& stage) {
    if (*replacing_[op.stage] != Replacing::kOverLink) return note_origin(op);
    op.kind = FileOpKind::kReplace;
    ROLLBACK_ASSIGN(const Directory* live, parents_.of(op.path));
    ROLLBACK_TRY(link_entry(*live, name_in_parent(op.path), stage, op.slot));
    ROLLBACK_TRY(note_origin(op));  // a link has changed its ctime
    ROLLBACK_ASSIGN(const FileStat kept, stage.stat(op.slot));
    if (kept.ino == op.origin) return {};
    return fail(ErrorCode::kConflict, op.path + " was replaced meanwhile; try again");
  }

  Status note_origin(FileOp& op) {
    ROLLBACK_TRY(look_at_live(op));
    op.origin = op.seen->ino;
    return {};
  }

  Status look_at_live(FileOp& op) {
    ROLLBACK_ASSIGN(const auto there, parents_.find(op.path));
    if (!there) return fail(ErrorCode::kConflict, op.path + " vanished meanwhile; try again");
    op.seen = std::make_shared<const FileStat>(*there);
    return {};
  }

  Status write_file(FileOp& op, const Directory& stage) {
    const Node& node = input_.target.manifest.at(op.path);
    const auto group = link_group_.find(op.path);
    if (group != link_group_.end()) {
      const auto [first, is_new] = first_of_group_.try_emplace(group->second, &op);
      if (!is_new) {
        links_.emplace_back(&op, first->second);
        return {};
      }
    }
    FileMeta meta = with_owners_of_host(node, input_.owners);
    if (node.kind == NodeKind::kSymlink) {
      ROLLBACK_TRY(stage.make_symlink(node.target, incoming(op)));
      ROLLBACK_TRY(stage.set_meta(incoming(op), meta));
      return note_staged(op, stage);
    }
    writes_.add(std::min(2 * node.size, kHeldOfFile),
                [this, &op, &stage, &node, meta = std::move(meta)] {
                  return write_content(op, stage, node, meta);
                });
    return {};
  }

  // By a thread of the pool.
  Status write_content(FileOp& op, const Directory& stage, const Node& node, const FileMeta& meta) {
    ROLLBACK_ASSIGN(File file, stage.create_file(incoming(op), 0600));
    // Small ones find out as well before anything is live, and need not be asked for one by one.
    if (!node.sparse && node.size >= kReservedFrom)
      ROLLBACK_TRY(file.allocate(0, node.size, File::Growth::kKeepsSize));
    HoleWriter holes(file);
    const auto written = input_.content(node.content, [&](std::string_view piece) {
      return node.sparse ? holes.add(piece) : file.write_all(piece);
    });
    if (!written && is_lost(written.error())) {
      const std::lock_guard lock(mutex_);
      lost_.insert(op.path);
      return {};
    }
    if (!written) return Failure(written.error().within("the content of " + op.path));
    if (node.sparse) ROLLBACK_TRY(holes.finish());
    ROLLBACK_TRY(apply_meta(stage.calls(), file.fd(), meta, file.path()));
    ROLLBACK_ASSIGN(const FileStat stat, file.stat());
    op.staged = stat.ino;
    if (!syncs_[op.stage])
      ROLLBACK_TRY(file.sync());
    else if (node.size >= input_.policy.begun_from)
      ROLLBACK_TRY(file.start_write_back());
    return file.close();
  }

  Status link(FileOp& op, const FileOp& first) const {
    if (first.stage != op.stage)
      return fail(ErrorCode::kUnsupported, op.path + " and " + first.path +
                                               " are one file in the release, but on two mounts "
                                               "here");
    ROLLBACK_ASSIGN(const Directory* stage, input_.stages.at(op.stage));
    ROLLBACK_TRY(link_entry(*stage, incoming(first), *stage, incoming(op)));
    return note_staged(op, *stage);
  }

  Status make_directory(FileOp& op, const Directory& stage) {
    op.to = with_owners_of_host(input_.target.manifest.at(op.path), input_.owners);
    ROLLBACK_TRY(stage.make_directory(op.slot, 0700));
    ROLLBACK_TRY(stage.set_meta(op.slot, op.to));
    if (!syncs_[op.stage]) ROLLBACK_TRY(stage.sync(op.slot));
    return note_staged(op, stage);
  }

  static Status note_staged(FileOp& op, const Directory& stage) {
    ROLLBACK_ASSIGN(const FileStat stat, stage.stat(incoming(op)));
    op.staged = stat.ino;
    return {};
  }

  const StagingInput& input_;
  LiveParents parents_;
  std::map<std::string, std::string> link_group_;  // path -> first name of its group
  std::map<std::string, FileOp*> first_of_group_;
  std::vector<FileOp> ops_;                         // not moved while threads write into it
  std::vector<std::pair<FileOp*, FileOp*>> links_;  // what is linked, to what; once that is written
  std::mutex mutex_;                                // guards lost_
  std::set<std::string> lost_;                      // paths whose contents the store lacks
  std::vector<std::optional<FileSystemSync>> syncs_;  // by index of the stage
  std::vector<std::optional<Replacing>> replacing_;   // the same
  PostedWrites writes_;                               // last: they end before the rest goes
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
