// SPDX-License-Identifier: Apache-2.0
// A tree as plain system calls see it, so that the engine is not asked about its own work.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace rollback {

struct Seen {
  mode_t type = 0;  // S_IFMT
  mode_t mode = 0;  // 07777
  uid_t uid = 0;
  gid_t gid = 0;
  std::int64_t mtime_ns = 0;
  std::string content;  // files: theirs; links: the target; devices: the number
  std::map<std::string, std::string> xattrs;
  bool holes = false;
  std::pair<dev_t, ino_t> inode;

  [[nodiscard]] bool is_directory() const;
  [[nodiscard]] bool is_special() const;  // socket, FIFO, device
  // All but time, holes, and which names are one file.
  [[nodiscard]] bool same_as(const Seen& other) const;
};

// By path below `root`: "/etc/app/x".
using SeenTree = std::map<std::string, Seen>;

// What is at `tops` and below; a top that is absent has no entry.
SeenTree look_at(const std::string& root, const std::vector<std::string>& tops);

// For each path that `of` has too, the first of the names in `of` that are the same file.
std::map<std::string, std::string> first_names(const SeenTree& tree, const SeenTree& of);

// "" when they are the same in everything, times and holes included.
std::string first_difference(const SeenTree& found, const SeenTree& wanted);

// What a run that goes from `live` to `release` must do.
class Expectation {
 public:
  Expectation(const SeenTree& release, const SeenTree& live);

  // Something that is never removed or replaced is in the way: nothing may be changed.
  [[nodiscard]] bool is_refused() const;
  // "" when `found` is what the run must leave behind.
  [[nodiscard]] std::string unmet(const SeenTree& found) const;

 private:
  [[nodiscard]] bool is_untold(const std::string& path) const;
  [[nodiscard]] std::string unmet_at(const std::string& path, const Seen& wanted,
                                     const Seen& found) const;
  [[nodiscard]] bool may_keep_time(const std::string& path) const;

  const SeenTree& release_;
  const SeenTree& live_;
  SeenTree recorded_;  // of the release, without what is only listed
  SeenTree left_;      // of live, what stays
};

}  // namespace rollback
