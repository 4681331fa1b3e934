// SPDX-License-Identifier: Apache-2.0
// A directory seen through FUSE, on a file system that does not know all flags of rename. Served by
// a process of its own, which unmounts it when its owner dies.
#pragma once

#include <sys/types.h>

#include <string>

namespace rollback {

class FuseMirror {
 public:
  // Mounts what is in `source` at `where`; both exist. `known`: flags of rename, others are
  // refused. Start no threads before. Throws.
  FuseMirror(const std::string& source, std::string where, unsigned known);
  ~FuseMirror();
  FuseMirror(const FuseMirror&) = delete;
  FuseMirror& operator=(const FuseMirror&) = delete;

 private:
  const std::string where_;
  pid_t server_ = -1;
};

}  // namespace rollback
