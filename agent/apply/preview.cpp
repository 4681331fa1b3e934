// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/preview.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "agent/capture/capture.h"
#include "core/fs/walk.h"
#include "model/tree.h"

namespace rollback {

namespace {

constexpr std::size_t kMaxFile = 256U << 20U;  // of a configuration root; larger is a mistake

class Preview {
 public:
  Preview(const PreviewInput& input, std::string live_root, Directory copy, Unchanged unchanged)
      : input_(input),
        live_root_(std::move(live_root)),
        copy_(std::move(copy)),
        unchanged_(unchanged) {
    for (const auto& op : input.ops)
      if (op.kind != FileOpKind::kDirectoryTime && is_within(op.path, live_root_))
        ops_.emplace(op.path, &op);
  }

  Status fill() {
    ROLLBACK_TRY(copy_live());
    // Type changes have two operations on one path: what is put there comes last.
    for (const auto& op : input_.ops) {
      if (!is_within(op.path, live_root_) || op.path == live_root_) continue;
      ROLLBACK_TRY(put_staged(op));
    }
    return {};
  }

 private:
  std::string below(const std::string& path) const { return path.substr(live_root_.size() + 1); }

  Status copy_live() {
    auto live = live_directory(input_.root, live_root_);
    if (!live && live.error().code == ErrorCode::kNotFound) return {};
    if (!live) return Failure(std::move(live).error());
    return walk(*live, "", [&](const WalkEntry& entry) { return copy_entry(*live, entry); });
  }

  Result<WalkNext> copy_entry(const Directory& live, const WalkEntry& entry) {
    if (entry.path.empty()) {
      ROLLBACK_TRY(copy_.set_meta("", meta_of(entry.stat)));
      return WalkNext::kEnter;
    }
    const auto name = entry.path.substr(entry.path.rfind('/') + 1);
    if (name == kStageName) return WalkNext::kSkip;
    const auto [first, last] = ops_.equal_range(live_root_ + "/" + entry.path);
    const bool changed = first != last;
    const bool stays = changed && first->second->kind == FileOpKind::kDirectoryMetadata;
    if (changed && !stays) {
      // What is below a directory that goes has operations of its own, or is in the way of them.
      return WalkNext::kSkip;
    }
    if (unchanged_ == Unchanged::kLinks && !changes_below(live_root_ + "/" + entry.path)) {
      ROLLBACK_TRY(copy_.make_symlink(live_root_ + "/" + entry.path, entry.path));
      return WalkNext::kSkip;
    }
    switch (entry.stat.type) {
      case FileType::kDirectory: {
        ROLLBACK_TRY(copy_.make_directory(entry.path, 0700));
        ROLLBACK_TRY(copy_.set_meta(entry.path, meta_of(entry.stat)));
        return WalkNext::kEnter;
      }
      case FileType::kRegular: {
        ROLLBACK_ASSIGN(const File file, live.open_file(entry.path));
        ROLLBACK_TRY(copy_file(file, entry.path, meta_of(entry.stat)));
        return WalkNext::kEnter;
      }
      case FileType::kSymlink: {
        ROLLBACK_ASSIGN(const std::string target, live.read_link(entry.path));
        ROLLBACK_TRY(copy_.make_symlink(target, entry.path));
        return WalkNext::kEnter;
      }
      case FileType::kOther:
        return WalkNext::kSkip;
    }
    return WalkNext::kSkip;
  }

  [[nodiscard]] bool changes_below(const std::string& path) const {
    const auto next = ops_.lower_bound(path + "/");
    return next != ops_.end() && next->first.starts_with(path + "/");
  }

  static FileMeta meta_of(const FileStat& stat) {
    return {stat.mode, stat.uid, stat.gid, stat.mtime_ns, {}};
  }

  Status copy_file(const File& from, const std::string& to, const FileMeta& meta) {
    ROLLBACK_ASSIGN(const std::string bytes, from.read_all(kMaxFile));
    ROLLBACK_ASSIGN(const File file, copy_.create_file(to, 0600));
    ROLLBACK_TRY(file.write_all(bytes));
    return apply_meta(copy_.calls(), file.fd(), meta, file.path());  // never synced: thrown away
  }

  Status put_staged(const FileOp& op) {
    ROLLBACK_ASSIGN(const Directory* stage, input_.stages.at(op.stage));
    const auto path = below(op.path);
    switch (op.kind) {
      case FileOpKind::kMakeDirectory:
        ROLLBACK_TRY(copy_.make_directory(path, 0700));
        return copy_.set_meta(path, op.to);
      case FileOpKind::kDirectoryMetadata:
        return copy_.set_meta(path, op.to);
      case FileOpKind::kExchange:
      case FileOpKind::kReplace:
      case FileOpKind::kCreate: {
        const auto staged = incoming(op);
        ROLLBACK_ASSIGN(const FileStat stat, stage->stat(staged));
        if (stat.type == FileType::kSymlink) {
          ROLLBACK_ASSIGN(const std::string target, stage->read_link(staged));
          return copy_.make_symlink(target, path);
        }
        ROLLBACK_ASSIGN(const File file, stage->open_file(staged));
        return copy_file(file, path, meta_of(stat));
      }
      case FileOpKind::kRemove:
      case FileOpKind::kRemoveDirectory:
      case FileOpKind::kDirectoryTime:
        return {};
    }
    return {};
  }

  const PreviewInput& input_;
  const std::string live_root_;
  const Directory copy_;
  const Unchanged unchanged_;
  std::multimap<std::string, const FileOp*> ops_;
};

}  // namespace

Result<PreviewMount> make_preview(const PreviewInput& input, const std::string& live_root,
                                  Unchanged unchanged) {
  if (input.stages.paths().empty())
    return fail(ErrorCode::kBug, "a preview of " + live_root + " without a stage");
  ROLLBACK_ASSIGN(const Directory* stage, input.stages.at(0));
  const auto place = "preview" + live_root;
  ROLLBACK_TRY(stage->make_directories(place));
  ROLLBACK_ASSIGN(Directory copy, stage->open_directory(place));
  ROLLBACK_TRY(Preview(input, live_root, std::move(copy), unchanged).fill());
  return PreviewMount{input.stages.paths()[0] + "/" + place, live_root};
}

}  // namespace rollback
