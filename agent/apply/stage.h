// SPDX-License-Identifier: Apache-2.0
// Where new contents wait and pre-images stay: `.rollback/<run>` (0700) at the top of each mount
// that holds a changed path, so that every move between stage and live is one rename. Stages are
// known by their absolute paths, which are right inside the agent's sandbox (where /etc is a mount)
// and outside it. Used by the run thread, and by recovery.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fs/directory.h"
#include "core/ids.h"

namespace rollback {

// "/etc" of "/etc/nginx", "/" of "/etc".
std::string parent_of(const std::string& path);
// The open parent of an absolute live path, and its last component. Crosses mounts.
Result<ParentOf> live_parent(const Directory& root, const std::string& path);
// The parents of live paths, opened as live_parent() does. Neighbours come in a row, so the last
// one stays open, or known to be none; whoever makes or removes a directory asks for its parent,
// which is another.
class LiveParents {
 public:
  explicit LiveParents(const Directory& root) : root_(&root) {}
  // Until the next call.
  Result<const Directory*> of(const std::string& path);
  // nullopt where nothing is there.
  Result<std::optional<FileStat>> find(const std::string& path);

 private:
  const Directory* root_;
  std::string path_;
  std::optional<Result<Directory>> last_;  // of path_
};

// "nginx.conf" of "/etc/nginx/nginx.conf".
std::string_view name_in_parent(std::string_view path) noexcept;
// The directory of an absolute path. Crosses mounts.
Result<Directory> live_directory(const Directory& root, const std::string& path);
// Opening a directory failed because there is none: nothing, a file, or a link (never followed).
bool is_no_directory(const Error& error) noexcept;
// nullopt where nothing is there.
Result<std::optional<FileStat>> find_live(const Directory& root, const std::string& path);

// Ends the name of what somebody else had put on a live path when undo needed it.
inline constexpr std::string_view kFoundSuffix = ".found";
// Begins the name of a stage that outlives its run, because it holds what exists nowhere else.
inline constexpr std::string_view kKeptPrefix = "kept-";

// "/etc/.rollback/kept-RUN" of "/etc/.rollback/RUN".
std::string kept_name(const std::string& stage);

class StageSet {
 public:
  // Finds the stages that changing `paths` needs; creates nothing. kDenied names a path whose mount
  // is read-only or whose stage could not be placed.
  static Result<StageSet> locate(const Directory& root, const RunId& run,
                                 const std::vector<std::string>& paths);
  // Those of a journal; a stage that is gone is no error here.
  static StageSet of_journal(const Directory& root, std::vector<std::string> stages);

  [[nodiscard]] const std::vector<std::string>& paths() const noexcept { return paths_; }
  // Index of the stage for a path given to locate(), or one that has the same parent.
  [[nodiscard]] std::uint32_t index_of(const std::string& path) const;
  // Makes the directories and removes what earlier runs left beside them, kept ones excepted.
  // Durable.
  Status make();
  // Also one that was set aside. kNotFound when the stage is gone.
  Result<const Directory*> at(std::uint32_t index) const;
  Status sync() const;
  // All of it, with what is in it. Absent is success.
  Status remove();
  // `.rollback/RUN` becomes `.rollback/kept-RUN`, which no later run removes. Absent is success.
  Status set_aside();
  // An undo begins: for where the journal cannot say so. Durable.
  Status say_undoing() const;
  Result<bool> says_undoing() const;
  // True when undo put something of somebody else's beside a slot.
  [[nodiscard]] bool holds_found() const;

 private:
  explicit StageSet(const Directory& root) : root_(&root) {}

  const Directory* root_;
  std::vector<std::string> paths_;
  std::map<std::string, std::uint32_t> by_parent_;  // index of the stage
  mutable std::vector<std::optional<Directory>> open_;
};

}  // namespace rollback
