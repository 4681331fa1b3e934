// SPDX-License-Identifier: Apache-2.0
#include "core/fs/walk.h"

#include <utility>

#include "core/fs/beneath.h"

namespace rollback {

namespace {

using Visit = std::function<Result<WalkNext>(const WalkEntry&)>;

class Walker {
 public:
  Walker(Syscalls& calls, const Visit& visit, const WalkLimits& limits)
      : calls_(calls), visit_(visit), limits_(limits) {}

  // `name` in the directory `dir`, whose mount is `mount_id`; "" is `dir` itself.
  Status go(int dir, const std::string& name, std::uint64_t mount_id, WalkEntry entry,
            const std::string& shown, std::size_t depth) {
    if (++seen_ > limits_.max_entries)
      return fail(ErrorCode::kInvalid, "more than " + std::to_string(limits_.max_entries) +
                                           " files and directories; " + shown + " is one too many");
    entry.mount_point = entry.stat.mount_id != mount_id;
    ROLLBACK_ASSIGN(const WalkNext next, visit_(entry));
    if (next == WalkNext::kSkip || entry.mount_point) return {};
    if (entry.stat.type != FileType::kDirectory) return {};
    if (depth == limits_.max_depth)
      return fail(ErrorCode::kInvalid, shown + " is nested more than " +
                                           std::to_string(limits_.max_depth) + " directories deep");
    return enter(dir, name, entry, shown, depth);
  }

 private:
  Status enter(int dir, const std::string& name, const WalkEntry& entry, const std::string& shown,
               std::size_t depth) {
    auto fd = beneath::open(calls_, dir, name.empty() ? "." : name, O_RDONLY | O_DIRECTORY,
                            beneath::kStayOnMount, shown);
    if (!fd && fd.error().code == ErrorCode::kNotFound) return {};  // removed since it was seen
    if (!fd) return Failure(std::move(fd).error());
    const File directory(calls_, *fd, shown);
    ROLLBACK_ASSIGN(const FileStat opened, directory.stat());
    if (opened.ino != entry.stat.ino || opened.dev != entry.stat.dev)
      return fail(ErrorCode::kBusy, shown + " was replaced while it was read; try again");
    ROLLBACK_ASSIGN(const auto names,
                    beneath::names(calls_, *fd, limits_.max_entries - seen_, shown));
    for (const auto& child : names)
      ROLLBACK_TRY(step(*fd, child, entry, beneath::join(shown, child), depth + 1));
    return {};
  }

  Status step(int dir, const std::string& name, const WalkEntry& parent, const std::string& shown,
              std::size_t depth) {
    auto stat = beneath::stat(calls_, dir, name, shown);
    if (!stat && stat.error().code == ErrorCode::kNotFound) return {};  // removed since listed
    if (!stat) return Failure(std::move(stat).error());
    return go(dir, name, parent.stat.mount_id, {beneath::join(parent.path, name), *stat}, shown,
              depth);
  }

  Syscalls& calls_;
  const Visit& visit_;
  const WalkLimits& limits_;
  std::size_t seen_ = 0;
};

}  // namespace

Status walk(const Directory& root, std::string_view start, const Visit& visit,
            const WalkLimits& limits) {
  Walker walker(root.calls(), visit, limits);
  ROLLBACK_ASSIGN(const FileStat stat, root.stat(start));
  if (start.empty() || start == ".")
    return walker.go(root.fd(), "", stat.mount_id, {"", stat}, root.path(), 0);
  ROLLBACK_ASSIGN(const ParentOf parent, open_parent(root, start));
  ROLLBACK_ASSIGN(const FileStat above, parent.directory.stat(""));
  return walker.go(parent.directory.fd(), parent.name, above.mount_id, {std::string(start), stat},
                   beneath::join(root.path(), start), 0);
}

}  // namespace rollback
