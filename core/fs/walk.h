// SPDX-License-Identifier: Apache-2.0
// Ordered, bounded traversal of what lies below one path. Directories come before their entries,
// entries in byte order of their names. Nothing is followed, nothing that is no regular file is
// opened, and mount points are not entered.
#pragma once

#include <functional>
#include <string>

#include "core/fs/directory.h"

namespace rollback {

struct WalkEntry {
  std::string path;  // relative to the directory the walk began in; the start itself is included
  FileStat stat;
  bool mount_point = false;  // another mount begins here, of a directory or a file: not entered
};

struct WalkLimits {
  std::size_t max_entries = 4'000'000;
  std::size_t max_depth = 256;
};

enum class WalkNext { kEnter, kSkip };  // kSkip: do not enter this directory

// Stops at the first error of `visit`. kNotFound when `start` is absent; kInvalid above a limit.
Status walk(const Directory& root, std::string_view start,
            const std::function<Result<WalkNext>(const WalkEntry&)>& visit,
            const WalkLimits& limits = {});

}  // namespace rollback
