// SPDX-License-Identifier: Apache-2.0
// What a commit or its undo changes, made durable at its end: the live directories in which names
// come and go, those whose metadata changes, and the stages. One by one, or where there are many on
// one mount, its file system at once (core/fs/file_system_sync.h, ADR 0020).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/apply/file_op.h"
#include "agent/apply/stage.h"
#include "core/fs/file_system_sync.h"

namespace rollback {

struct SyncPolicy {
  // As many files or directories of one mount are synced at once. So many flushes of the disk take
  // as long as writing what a busy host has not written yet.
  std::size_t at_once_from = 256;
  // Of what is synced at once, files of as many bytes are handed to the disk as they are written.
  // Most files are smaller, most bytes are not in them, and each takes a request of its own.
  std::uint64_t begun_from = 64 << 10U;
  bool operator==(const SyncPolicy&) const = default;
};

class Touched {
 public:
  // Made before the first change, so that no failed write is missed. What is not there any more
  // when sync() comes was removed: its parent is in the list.
  Touched(const Directory& root, const StageSet& stages, const std::vector<FileOp>& ops,
          const SyncPolicy& policy);

  // Goes on after a failure and returns the first.
  Status sync() const;

 private:
  struct Mount {
    std::uint64_t id = 0;
    std::optional<FileSystemSync> at_once;
  };
  [[nodiscard]] Mount mount_of(std::uint32_t stage) const;
  Status sync_stage(std::uint32_t stage) const;
  Status sync_directory(const std::string& path) const;

  const Directory& root_;
  const StageSet& stages_;
  std::vector<Mount> mounts_;                     // by index of their stage
  std::map<std::string, std::uint32_t> parents_;  // on the mount of their stage
  std::set<std::string> changed_;                 // may be the top of another mount
};

}  // namespace rollback
