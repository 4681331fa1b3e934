// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/touched.h"

#include <algorithm>
#include <utility>

namespace rollback {

Touched::Touched(const Directory& root, const StageSet& stages, const std::vector<FileOp>& ops,
                 const SyncPolicy& policy)
    : root_(root), stages_(stages), mounts_(stages.paths().size()) {
  std::vector<std::size_t> directories(mounts_.size());
  const auto count = [&](std::uint32_t stage, bool is_new) {
    if (is_new && stage < directories.size()) ++directories[stage];
  };
  for (const auto& op : ops) {
    if (op.kind == FileOpKind::kDirectoryTime) continue;  // the parent of another one
    count(op.stage, parents_.emplace(parent_of(op.path), op.stage).second);
    if (op.kind == FileOpKind::kDirectoryMetadata || op.kind == FileOpKind::kRemoveDirectory)
      count(op.stage, changed_.insert(op.path).second);
  }
  for (std::uint32_t i = 0; i < mounts_.size(); ++i)
    if (directories[i] >= policy.at_once_from) mounts_[i] = mount_of(i);
}

// Where anything fails, its directories are synced one by one, which tells.
Touched::Mount Touched::mount_of(std::uint32_t stage) const {
  Mount mount;
  const auto opened = stages_.at(stage);
  if (!opened) return mount;
  const auto stat = (*opened)->stat("");
  if (!stat) return mount;
  auto all = FileSystemSync::begin(**opened);
  if (!all) return mount;
  mount.id = stat->mount_id;
  mount.at_once = *std::move(all);
  return mount;
}

Status Touched::sync() const {
  Status first;
  const auto note = [&](Status status) {
    if (!status && first) first = std::move(status);
  };
  for (std::uint32_t i = 0; i < mounts_.size(); ++i) note(sync_stage(i));
  for (const auto& [path, stage] : parents_)
    if (stage >= mounts_.size() || !mounts_[stage].at_once) note(sync_directory(path));
  for (const auto& path : changed_)
    if (!parents_.contains(path)) note(sync_directory(path));
  return first;
}

Status Touched::sync_stage(std::uint32_t stage) const {
  if (mounts_[stage].at_once) return mounts_[stage].at_once->sync();
  ROLLBACK_ASSIGN(const Directory* opened, stages_.at(stage));
  return opened->sync();
}

Status Touched::sync_directory(const std::string& path) const {
  const auto directory = live_directory(root_, path);
  // Removed, or a file or link by now.
  if (!directory && is_no_directory(directory.error())) return {};
  if (!directory) return Failure(directory.error());
  ROLLBACK_ASSIGN(const FileStat stat, directory->stat(""));
  const bool done = std::any_of(mounts_.begin(), mounts_.end(), [&](const Mount& mount) {
    return mount.at_once && mount.id == stat.mount_id;
  });
  return done ? Status() : directory->sync();
}

}  // namespace rollback
