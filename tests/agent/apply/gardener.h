// SPDX-License-Identifier: Apache-2.0
// Random trees of everything a file system holds, with few and odd names, so that two of them
// collide in every way.
#pragma once

#include <string>
#include <vector>

#include "tests/support/seeded_random.h"

namespace rollback {

class Gardener {
 public:
  // `tops` are absolute below `root`. `privileged` are the paths that may be setuid or have
  // capabilities.
  Gardener(std::string root, std::vector<std::string> tops, std::vector<std::string> privileged,
           SeededRandom& random);

  void clear();   // nothing at all
  void grow();    // other trees, of at most 24 nodes together
  void change();  // a few changes, from time to time other trees

 private:
  [[nodiscard]] std::vector<std::string> all(bool directories_only) const;
  std::string pick(const std::vector<std::string>& from);
  std::string place();  // a name in a random directory; it may be taken
  [[nodiscard]] bool is_top(const std::string& path) const;
  [[nodiscard]] bool may_be_privileged(const std::string& path) const;
  void make(const std::string& path);
  void write(const std::string& path);
  void dress(const std::string& path);  // owner, mode, attributes, time
  void dress_mode(const std::string& path, bool directory);
  void dress_attributes(const std::string& path, bool directory);
  void touch(const std::string& path);
  void change_once();
  bool once_in(std::uint64_t times) { return random_.below(times) == 0; }

  const std::string root_;
  const std::vector<std::string> tops_;
  const std::vector<std::string> privileged_;
  SeededRandom& random_;
};

}  // namespace rollback
