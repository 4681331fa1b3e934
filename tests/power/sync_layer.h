// SPDX-License-Identifier: Apache-2.0
// A Syscalls between the engine and the kernel that can take a part of the engine's care away, and
// that lets others of the host write back in the middle of its work.
//
// A sync that is left out shows when the disk gets something else early: the kernel writes back
// when it likes, and whatever another program syncs takes along what was done before it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/fs/syscalls.h"

namespace rollback {

// A sync the engine asks for. `path` is below the host's root, "" that root itself.
struct SyncCall {
  std::string_view name;  // "fsync", "fdatasync", "syncfs"
  std::string path;
  int number = 0;  // which call of this name on this path, from 1
};

// One thread.
class SyncLayer final : public Syscalls {
 public:
  // `root`: of the host.
  SyncLayer(Syscalls& below, std::string root) : below_(below), root_(std::move(root)) {}

  std::function<bool(const SyncCall&)> drops;  // true: answered with 0 and not made
  std::function<void()> meanwhile;             // after each call that changes something

  int openat2(int dir, const char* path, const open_how& how) override;
  int close(int fd) override;
  ssize_t read(int fd, void* bytes, std::size_t size) override;
  ssize_t pread(int fd, void* bytes, std::size_t size, off_t offset) override;
  ssize_t write(int fd, const void* bytes, std::size_t size) override;
  ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) override;
  int ftruncate(int fd, off_t size) override;
  int fsync(int fd) override;
  int fdatasync(int fd) override;
  int syncfs(int fd) override;
  int fallocate(int fd, int mode, off_t offset, off_t size) override;
  int start_write_back(int fd) override;
  ssize_t getdents64(int fd, void* bytes, std::size_t size) override;
  int statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) override;
  int fstatvfs(int fd, struct statvfs& out) override;
  int fstatfs(int fd, struct statfs& out) override;
  ssize_t readlinkat(int dir, const char* path, char* bytes, std::size_t size) override;
  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override;
  int unlinkat(int dir, const char* path, int flags) override;
  int mkdirat(int dir, const char* path, mode_t mode) override;
  int symlinkat(const char* target, int dir, const char* path) override;
  int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) override;
  int fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) override;
  int fchmod(int fd, mode_t mode) override;
  int utimensat(int dir, const char* path, const timespec times[2], int flags) override;
  ssize_t flistxattr(int fd, char* bytes, std::size_t size) override;
  ssize_t fgetxattr(int fd, const char* name, void* bytes, std::size_t size) override;
  int fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) override;
  int fremovexattr(int fd, const char* name) override;
  int ioctl_flags(int fd, long& flags) override;
  int ioctl_set_flags(int fd, long flags) override;
  int flock(int fd, int operation) override;

  // How many syncs were left out.
  [[nodiscard]] int dropped() const noexcept { return dropped_; }

 private:
  template <typename T>
  T changed(T result) {
    if (meanwhile) meanwhile();
    return result;
  }
  bool is_dropped(std::string_view name, int fd);

  Syscalls& below_;
  const std::string root_;
  std::map<std::string, int> numbers_;  // by name and path
  int dropped_ = 0;
};

}  // namespace rollback
