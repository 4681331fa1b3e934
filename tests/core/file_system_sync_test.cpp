// SPDX-License-Identifier: Apache-2.0
#include "core/fs/file_system_sync.h"

#include <gtest/gtest.h>
#include <linux/magic.h>

#include <cerrno>

#include "tests/support/faulty_syscalls.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

class FileSystemSyncTest : public ::testing::Test {
 protected:
  Result<std::optional<FileSystemSync>> begin(long file_system) {
    calls_.file_system = file_system;
    root_ = temp_.open(calls_);
    return FileSystemSync::begin(root_);
  }
  KernelSyscalls kernel_;
  FaultySyscalls calls_{kernel_};
  TempDirectory temp_;
  Directory root_;
};

TEST_F(FileSystemSyncTest, IsForFileSystemsThatTellOfFailedWrites) {
  for (const long type : {long{EXT4_SUPER_MAGIC}, long{XFS_SUPER_MAGIC}, long{BTRFS_SUPER_MAGIC}}) {
    const auto sync = begin(type);
    ASSERT_TRUE(sync && *sync);
    EXPECT_TRUE((*sync)->sync());
  }
  for (const long type : {OVERLAYFS_SUPER_MAGIC, NFS_SUPER_MAGIC, TMPFS_MAGIC, FUSE_SUPER_MAGIC}) {
    const auto sync = begin(type);
    ASSERT_TRUE(sync);
    EXPECT_FALSE(*sync);
  }
}

TEST_F(FileSystemSyncTest, SaysWhatFailedAndWhere) {
  const auto sync = begin(EXT4_SUPER_MAGIC);
  ASSERT_TRUE(sync && *sync);
  calls_.answer = [](std::string_view call) { return call == "syncfs" ? -EIO : 0; };
  const auto synced = (*sync)->sync();
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().code, ErrorCode::kIo);
  EXPECT_NE(synced.error().message.find(temp_.path().string()), std::string::npos);
}

}  // namespace
}  // namespace rollback
