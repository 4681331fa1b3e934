// SPDX-License-Identifier: Apache-2.0
// The one layer under all file work of the engine. Every method is one system call that returns its
// result, or -errno; EINTR is passed on. Tests decorate it to fail or to die at call N; production
// code holds no hooks.
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <cstddef>
#include <cstdint>

namespace rollback {

class Syscalls {
 public:
  virtual ~Syscalls() = default;

  virtual int openat2(int dir, const char* path, const open_how& how) = 0;
  virtual int close(int fd) = 0;
  virtual ssize_t read(int fd, void* bytes, std::size_t size) = 0;
  virtual ssize_t pread(int fd, void* bytes, std::size_t size, off_t offset) = 0;
  virtual ssize_t write(int fd, const void* bytes, std::size_t size) = 0;
  virtual ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) = 0;
  virtual int ftruncate(int fd, off_t size) = 0;
  virtual int fsync(int fd) = 0;
  virtual int fdatasync(int fd) = 0;
  virtual int syncfs(int fd) = 0;
  virtual int fallocate(int fd, int mode, off_t offset, off_t size) = 0;
  virtual int start_write_back(int fd) = 0;  // sync_file_range(WRITE) of the whole file
  virtual ssize_t getdents64(int fd, void* bytes, std::size_t size) = 0;
  virtual int statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) = 0;
  virtual int fstatvfs(int fd, struct statvfs& out) = 0;
  virtual int fstatfs(int fd, struct statfs& out) = 0;
  virtual ssize_t readlinkat(int dir, const char* path, char* bytes, std::size_t size) = 0;
  virtual int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                        unsigned flags) = 0;
  virtual int unlinkat(int dir, const char* path, int flags) = 0;
  virtual int mkdirat(int dir, const char* path, mode_t mode) = 0;
  virtual int symlinkat(const char* target, int dir, const char* path) = 0;
  virtual int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) = 0;
  virtual int fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) = 0;
  virtual int fchmod(int fd, mode_t mode) = 0;
  virtual int utimensat(int dir, const char* path, const timespec times[2], int flags) = 0;
  virtual ssize_t flistxattr(int fd, char* bytes, std::size_t size) = 0;
  virtual ssize_t fgetxattr(int fd, const char* name, void* bytes, std::size_t size) = 0;
  virtual int fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) = 0;
  virtual int fremovexattr(int fd, const char* name) = 0;
  virtual int ioctl_flags(int fd, long& flags) = 0;     // FS_IOC_GETFLAGS
  virtual int ioctl_set_flags(int fd, long flags) = 0;  // FS_IOC_SETFLAGS
  virtual int flock(int fd, int operation) = 0;
};

// The kernel's. Stateless.
class KernelSyscalls final : public Syscalls {
 public:
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
};

}  // namespace rollback
