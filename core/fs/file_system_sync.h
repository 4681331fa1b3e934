// SPDX-License-Identifier: Apache-2.0
// Makes everything that was written to one file system durable at once. Each fsync ends with a
// flush of the disk, and thousands of them wait thousands of times for it; syncfs waits once, but
// also for what others have written.
//
// A write that fails behind our back is told to the descriptors that were open when it failed, by
// fsync to that file's, by syncfs (Linux 5.8) to any of the file system. So ours is opened before
// the first write that sync() answers for, and a failure of somebody else's write counts as ours.
// Not every file system passes these errors on (overlayfs loses them): only those that do are
// accepted. One thread at a time.
#pragma once

#include <optional>

#include "core/fs/directory.h"

namespace rollback {

class FileSystemSync {
 public:
  // Of the file system that holds `directory`; nullopt when each file has to be synced by itself.
  static Result<std::optional<FileSystemSync>> begin(const Directory& directory);

  // Final: after a failure nothing is known about what was written, and asking again would lie.
  Status sync() const;

 private:
  explicit FileSystemSync(Directory directory) : directory_(std::move(directory)) {}
  Directory directory_;
};

}  // namespace rollback
