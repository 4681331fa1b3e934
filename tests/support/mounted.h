// SPDX-License-Identifier: Apache-2.0
// A mount of one test, gone with it.
#pragma once

#include <sys/mount.h>

#include <stdexcept>
#include <string>

namespace rollback {

class Mounted {
 public:
  struct Tmpfs {
    const char* options = "size=64m";
  };
  // A new tmpfs at `where`, which exists.
  explicit Mounted(std::string where) : Mounted(std::move(where), Tmpfs{}) {}
  Mounted(std::string where, Tmpfs tmpfs) : where_(std::move(where)) {
    if (::mount("tmpfs", where_.c_str(), "tmpfs", 0, tmpfs.options) != 0)
      throw std::runtime_error("cannot mount at " + where_ + "; the tests need root");
  }
  // The file or directory `what`, seen at `where` too.
  Mounted(const std::string& what, std::string where) : where_(std::move(where)) {
    if (::mount(what.c_str(), where_.c_str(), nullptr, MS_BIND, nullptr) != 0)
      throw std::runtime_error("cannot bind at " + where_ + "; the tests need root");
  }
  ~Mounted() { ::umount2(where_.c_str(), MNT_DETACH); }
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;

 private:
  const std::string where_;
};

}  // namespace rollback
