// SPDX-License-Identifier: Apache-2.0
// A recorded disk as a file that a loop device can stand on: each write and each flush of the file
// system on it comes by. Served through FUSE by a process of its own, in mounts of its own, which
// ends after its owner: a process that served itself could not be killed while it waits for itself.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/power/recorded_disk.h"

namespace rollback {

class FuseFile {
 public:
  // Mounts over the regular file `path`, in private mounts. Start no threads before. Throws, and
  // says so when there is no /dev/fuse.
  FuseFile(RecordedDisk& disk, std::string path);
  ~FuseFile();
  FuseFile(const FuseFile&) = delete;
  FuseFile& operator=(const FuseFile&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  const std::string path_;
  pid_t server_ = -1;
};

}  // namespace rollback
