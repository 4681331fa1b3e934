// SPDX-License-Identifier: Apache-2.0
// The kernel's calls, with a function of the test's before each read and each opening: for files
// that change or vanish at exactly the wrong moment.
#pragma once

#include <functional>
#include <string>

#include "core/fs/syscalls.h"

namespace rollback {

class HookedSyscalls final : public Syscalls {
 public:
  std::function<void(int fd)> before_read;
  std::function<int(const std::string& path)> before_open;  // not 0: the answer, -errno

  int openat2(int dir, const char* path, const open_how& how) override {
    const int answer = before_open ? before_open(path) : 0;
    return answer != 0 ? answer : kernel_.openat2(dir, path, how);
  }
  ssize_t read(int fd, void* bytes, std::size_t size) override {
    if (before_read) before_read(fd);
    return kernel_.read(fd, bytes, size);
  }
  int close(int fd) override { return kernel_.close(fd); }
  ssize_t pread(int fd, void* bytes, std::size_t size, off_t offset) override {
    return kernel_.pread(fd, bytes, size, offset);
  }
  ssize_t write(int fd, const void* bytes, std::size_t size) override {
    return kernel_.write(fd, bytes, size);
  }
  ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) override {
    return kernel_.pwrite(fd, bytes, size, offset);
  }
  int ftruncate(int fd, off_t size) override { return kernel_.ftruncate(fd, size); }
  int fsync(int fd) override { return kernel_.fsync(fd); }
  int fdatasync(int fd) override { return kernel_.fdatasync(fd); }
  int syncfs(int fd) override { return kernel_.syncfs(fd); }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    return kernel_.fallocate(fd, mode, offset, size);
  }
  int start_write_back(int fd) override { return kernel_.start_write_back(fd); }
  ssize_t getdents64(int fd, void* bytes, std::size_t size) override {
    return kernel_.getdents64(fd, bytes, size);
  }
  int statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) override {
    return kernel_.statx(dir, path, flags, mask, out);
  }
  int fstatvfs(int fd, struct statvfs& out) override { return kernel_.fstatvfs(fd, out); }
  int fstatfs(int fd, struct statfs& out) override { return kernel_.fstatfs(fd, out); }
  ssize_t readlinkat(int dir, const char* path, char* bytes, std::size_t size) override {
    return kernel_.readlinkat(dir, path, bytes, size);
  }
  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override {
    return kernel_.renameat2(from_dir, from, to_dir, to, flags);
  }
  int unlinkat(int dir, const char* path, int flags) override {
    return kernel_.unlinkat(dir, path, flags);
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return kernel_.mkdirat(dir, path, mode);
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return kernel_.symlinkat(target, dir, path);
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) override {
    return kernel_.linkat(from_dir, from, to_dir, to, flags);
  }
  int fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) override {
    return kernel_.fchownat(dir, path, uid, gid, flags);
  }
  int fchmod(int fd, mode_t mode) override { return kernel_.fchmod(fd, mode); }
  int utimensat(int dir, const char* path, const timespec times[2], int flags) override {
    return kernel_.utimensat(dir, path, times, flags);
  }
  ssize_t flistxattr(int fd, char* bytes, std::size_t size) override {
    return kernel_.flistxattr(fd, bytes, size);
  }
  ssize_t fgetxattr(int fd, const char* name, void* bytes, std::size_t size) override {
    return kernel_.fgetxattr(fd, name, bytes, size);
  }
  int fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) override {
    return kernel_.fsetxattr(fd, name, bytes, size);
  }
  int fremovexattr(int fd, const char* name) override { return kernel_.fremovexattr(fd, name); }
  int ioctl_flags(int fd, long& flags) override { return kernel_.ioctl_flags(fd, flags); }
  int ioctl_set_flags(int fd, long flags) override { return kernel_.ioctl_set_flags(fd, flags); }
  int flock(int fd, int operation) override { return kernel_.flock(fd, operation); }

 private:
  KernelSyscalls kernel_;
};

}  // namespace rollback
