// SPDX-License-Identifier: Apache-2.0
// A directory seen through FUSE, on a file system that does not know all flags of rename. Served by
// a process of its own, which unmounts it when its owner dies.
#pragma once

#include <string>

#include "tests/power/fuse_server.h"

namespace rollback {

class FuseMirror {
 public:
  // Mounts what is in `source` at `where`; both exist. `known`: flags of rename, others are
  // refused. Start no threads before. Throws.
  FuseMirror(const std::string& source, const std::string& where, unsigned known);

 private:
  FuseServer server_;
};

}  // namespace rollback
