// SPDX-License-Identifier: Apache-2.0
// A process that serves one FUSE mount, and ends after its owner.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace rollback {

class FuseServer {
 public:
  // `serve(ready)` mounts at `where`, calls say_mounted(ready) and returns when it is unmounted;
  // its exit code. `last`: the signal that it gets when its owner dies, or leaves the mount busy.
  // Start no threads before. Throws.
  FuseServer(std::string where, int last, const std::function<int(int ready)>& serve);
  ~FuseServer();
  FuseServer(const FuseServer&) = delete;
  FuseServer& operator=(const FuseServer&) = delete;

  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  // False: nobody waits for it any more.
  static bool say_mounted(int ready);

 private:
  const std::string where_;
  const int last_;
  pid_t pid_ = -1;
};

}  // namespace rollback
