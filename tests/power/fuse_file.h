// SPDX-License-Identifier: Apache-2.0
// A recorded disk as a file that a loop device can stand on: each write and each flush of the file
// system on it comes by. Served through FUSE by a process of its own, in mounts of its own, which
// ends after its owner: a process that served itself could not be killed while it waits for itself.
#pragma once

#include <string>

#include "tests/power/fuse_server.h"
#include "tests/power/recorded_disk.h"

namespace rollback {

class FuseFile {
 public:
  // Mounts over the regular file `path`, in private mounts. Start no threads before. Throws, and
  // says so when there is no /dev/fuse.
  FuseFile(RecordedDisk& disk, const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return server_.where(); }

 private:
  FuseServer server_;
};

}  // namespace rollback
