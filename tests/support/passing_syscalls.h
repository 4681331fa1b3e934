// SPDX-License-Identifier: Apache-2.0
// Hands every call to the layer below. What changes one of them derives from this.
#pragma once

#include "core/fs/syscalls.h"

namespace rollback {

class PassingSyscalls : public Syscalls {
 public:
  explicit PassingSyscalls(Syscalls& below) : below_(below) {}

  int openat2(int dir, const char* path, const open_how& how) override {
    return below_.openat2(dir, path, how);
  }
  int close(int fd) override { return below_.close(fd); }
  ssize_t read(int fd, void* bytes, std::size_t size) override {
    return below_.read(fd, bytes, size);
  }
  ssize_t pread(int fd, void* bytes, std::size_t size, off_t offset) override {
    return below_.pread(fd, bytes, size, offset);
  }
  ssize_t write(int fd, const void* bytes, std::size_t size) override {
    return below_.write(fd, bytes, size);
  }
  ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) override {
    return below_.pwrite(fd, bytes, size, offset);
  }
  int ftruncate(int fd, off_t size) override { return below_.ftruncate(fd, size); }
  int fsync(int fd) override { return below_.fsync(fd); }
  int fdatasync(int fd) override { return below_.fdatasync(fd); }
  int syncfs(int fd) override { return below_.syncfs(fd); }
  int fallocate(int fd, int mode, off_t offset, off_t size) override {
    return below_.fallocate(fd, mode, offset, size);
  }
  int start_write_back(int fd) override { return below_.start_write_back(fd); }
  ssize_t getdents64(int fd, void* bytes, std::size_t size) override {
    return below_.getdents64(fd, bytes, size);
  }
  int statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) override {
    return below_.statx(dir, path, flags, mask, out);
  }
  int fstatvfs(int fd, struct statvfs& out) override { return below_.fstatvfs(fd, out); }
  int fstatfs(int fd, struct statfs& out) override { return below_.fstatfs(fd, out); }
  ssize_t readlinkat(int dir, const char* path, char* bytes, std::size_t size) override {
    return below_.readlinkat(dir, path, bytes, size);
  }
  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override {
    return below_.renameat2(from_dir, from, to_dir, to, flags);
  }
  int unlinkat(int dir, const char* path, int flags) override {
    return below_.unlinkat(dir, path, flags);
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return below_.mkdirat(dir, path, mode);
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return below_.symlinkat(target, dir, path);
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) override {
    return below_.linkat(from_dir, from, to_dir, to, flags);
  }
  int fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) override {
    return below_.fchownat(dir, path, uid, gid, flags);
  }
  int fchmod(int fd, mode_t mode) override { return below_.fchmod(fd, mode); }
  int utimensat(int dir, const char* path, const timespec times[2], int flags) override {
    return below_.utimensat(dir, path, times, flags);
  }
  ssize_t flistxattr(int fd, char* bytes, std::size_t size) override {
    return below_.flistxattr(fd, bytes, size);
  }
  ssize_t fgetxattr(int fd, const char* name, void* bytes, std::size_t size) override {
    return below_.fgetxattr(fd, name, bytes, size);
  }
  int fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) override {
    return below_.fsetxattr(fd, name, bytes, size);
  }
  int fremovexattr(int fd, const char* name) override { return below_.fremovexattr(fd, name); }
  int ioctl_flags(int fd, long& flags) override { return below_.ioctl_flags(fd, flags); }
  int ioctl_set_flags(int fd, long flags) override { return below_.ioctl_set_flags(fd, flags); }
  int flock(int fd, int operation) override { return below_.flock(fd, operation); }

 protected:
  Syscalls& below_;
};

}  // namespace rollback
