// SPDX-License-Identifier: Apache-2.0
#include "core/fs/file_system_sync.h"

#include <linux/magic.h>

#include <utility>

namespace rollback {

namespace {

// Those on which a failed write of data or metadata reaches every open descriptor.
bool tells_of_failed_writes(const struct statfs& space) {
  const auto type = static_cast<unsigned long>(space.f_type);
  return type == EXT4_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC || type == XFS_SUPER_MAGIC;
}

}  // namespace

Result<std::optional<FileSystemSync>> FileSystemSync::begin(const Directory& directory) {
  ROLLBACK_ASSIGN(const auto space, directory.file_system());
  if (!tells_of_failed_writes(space)) return std::nullopt;
  ROLLBACK_ASSIGN(Directory own, directory.open_directory(""));
  return FileSystemSync(std::move(own));
}

Status FileSystemSync::sync() const {
  const int result = directory_.calls().syncfs(directory_.fd());
  if (result < 0) return fail_errno(-result, "sync the file system of " + directory_.path());
  return {};
}

}  // namespace rollback
