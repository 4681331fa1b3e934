// SPDX-License-Identifier: Apache-2.0
// A real file system on a recorded disk, mounted where only this process sees it. What a process
// made goes when it ends, however it ends: mounts with its mount namespace, the loop device with
// its last descriptor, the FUSE server with its owner. One per process.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/power/fuse_file.h"
#include "tests/power/loop_device.h"
#include "tests/power/recorded_disk.h"

namespace rollback {

struct FileSystem {
  std::string name;
  std::string type;
  std::uint64_t size = 0;
  std::vector<std::string> make;  // argv, without the file
  std::string options;            // of the mount
};

// ext4 as it comes and without the heuristic that hides a missing fsync, XFS, btrfs.
const std::vector<FileSystem>& every_file_system();
const FileSystem& file_system(const std::string& name);  // of these

class CrashRig {
 public:
  // Makes the file system and a mount namespace; not mounted yet.
  explicit CrashRig(const FileSystem& kind);
  ~CrashRig();
  CrashRig(const CrashRig&) = delete;
  CrashRig& operator=(const CrashRig&) = delete;

  [[nodiscard]] const FileSystem& kind() const noexcept { return kind_; }
  [[nodiscard]] const std::filesystem::path& top() const noexcept { return top_; }
  [[nodiscard]] RecordedDisk& disk() noexcept { return *disk_; }

  // False when the file system cannot be mounted; errno says why.
  bool mount();
  void unmount();

 private:
  void make_file_system(const std::string& image) const;

  const FileSystem& kind_;
  std::filesystem::path top_;
  std::unique_ptr<RecordedDisk> disk_;
  std::unique_ptr<FuseFile> file_;
  std::unique_ptr<LoopDevice> device_;
  bool mounted_ = false;
};

}  // namespace rollback
