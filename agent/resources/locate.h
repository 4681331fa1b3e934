// SPDX-License-Identifier: Apache-2.0
// Absolute paths of configuration files, looked up below a root handle. Unlike the engine these
// functions follow symbolic links, because the programs that read the configuration do; links are
// resolved here, step by step, and what is opened in the end has none in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fs/directory.h"

namespace rollback {

// The directory that holds the absolute canonical `path`, and its name in there. Mount points above
// it are crossed. nullopt where that directory is absent; kInvalid where a link stands for it,
// which the kernel reports as "not a directory" and would else be taken for absence.
Result<std::optional<ParentOf>> find_parent_at(const Directory& root, std::string_view path);

// Stat of what is there itself, if a link then of the link; otherwise as find_parent_at.
Result<std::optional<FileStat>> find_stat_at(const Directory& root, std::string_view path);

struct Located {
  std::string path;                // absolute, without links in it
  FileStat stat;                   // of what is there; never a link
  std::vector<std::string> links;  // links that led there, as the last component of their path
};

// Follows links, also above the last component. nullopt where nothing is there; kInvalid after 40
// links. `path` may hold "." and "..", as written in a configuration.
Result<std::optional<Located>> locate(const Directory& root, std::string_view path);

// Content of a located regular file; kInvalid above `limit` bytes.
Result<std::string> read_located(const Directory& root, const std::string& path, std::size_t limit);

// glob(3): the paths that match `pattern` (absolute), sorted; a name with a leading dot matches
// only a pattern with one. Without a wildcard the pattern itself, whether it exists or not.
Result<std::vector<std::string>> expand_glob(const Directory& root, const std::string& pattern);

}  // namespace rollback
