// SPDX-License-Identifier: Apache-2.0
#include "core/fs/syscalls.h"

#include <dirent.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace rollback {

namespace {

// The kernel's own convention, which libc turned into errno.
int answer(int result) { return result < 0 ? -errno : result; }
ssize_t answer(ssize_t result) { return result < 0 ? -errno : result; }

}  // namespace

int KernelSyscalls::openat2(int dir, const char* path, const open_how& how) {
  // glibc has no wrapper; the kernel does not write to `how`.
  return answer(static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof(how))));
}
int KernelSyscalls::close(int fd) { return answer(::close(fd)); }
ssize_t KernelSyscalls::read(int fd, void* bytes, std::size_t size) {
  return answer(::read(fd, bytes, size));
}
ssize_t KernelSyscalls::pread(int fd, void* bytes, std::size_t size, off_t offset) {
  return answer(::pread(fd, bytes, size, offset));
}
ssize_t KernelSyscalls::write(int fd, const void* bytes, std::size_t size) {
  return answer(::write(fd, bytes, size));
}
ssize_t KernelSyscalls::pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
  return answer(::pwrite(fd, bytes, size, offset));
}
int KernelSyscalls::ftruncate(int fd, off_t size) { return answer(::ftruncate(fd, size)); }
int KernelSyscalls::fsync(int fd) { return answer(::fsync(fd)); }
int KernelSyscalls::fdatasync(int fd) { return answer(::fdatasync(fd)); }
int KernelSyscalls::syncfs(int fd) { return answer(::syncfs(fd)); }
int KernelSyscalls::fallocate(int fd, int mode, off_t offset, off_t size) {
  return answer(::fallocate(fd, mode, offset, size));
}
int KernelSyscalls::start_write_back(int fd) {
  return answer(::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
}
ssize_t KernelSyscalls::getdents64(int fd, void* bytes, std::size_t size) {
  return answer(::getdents64(fd, bytes, size));
}
int KernelSyscalls::statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) {
  return answer(::statx(dir, path, flags, mask, &out));
}
int KernelSyscalls::fstatvfs(int fd, struct statvfs& out) { return answer(::fstatvfs(fd, &out)); }
int KernelSyscalls::fstatfs(int fd, struct statfs& out) { return answer(::fstatfs(fd, &out)); }
ssize_t KernelSyscalls::readlinkat(int dir, const char* path, char* bytes, std::size_t size) {
  return answer(::readlinkat(dir, path, bytes, size));
}
int KernelSyscalls::renameat2(int from_dir, const char* from, int to_dir, const char* to,
                              unsigned flags) {
  return answer(::renameat2(from_dir, from, to_dir, to, flags));
}
int KernelSyscalls::unlinkat(int dir, const char* path, int flags) {
  return answer(::unlinkat(dir, path, flags));
}
int KernelSyscalls::mkdirat(int dir, const char* path, mode_t mode) {
  return answer(::mkdirat(dir, path, mode));
}
int KernelSyscalls::symlinkat(const char* target, int dir, const char* path) {
  return answer(::symlinkat(target, dir, path));
}
int KernelSyscalls::linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) {
  return answer(::linkat(from_dir, from, to_dir, to, flags));
}
int KernelSyscalls::fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) {
  return answer(::fchownat(dir, path, uid, gid, flags));
}
int KernelSyscalls::fchmod(int fd, mode_t mode) { return answer(::fchmod(fd, mode)); }
int KernelSyscalls::utimensat(int dir, const char* path, const timespec times[2], int flags) {
  return answer(::utimensat(dir, path, times, flags));
}
ssize_t KernelSyscalls::flistxattr(int fd, char* bytes, std::size_t size) {
  return answer(::flistxattr(fd, bytes, size));
}
ssize_t KernelSyscalls::fgetxattr(int fd, const char* name, void* bytes, std::size_t size) {
  return answer(::fgetxattr(fd, name, bytes, size));
}
int KernelSyscalls::fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) {
  return answer(::fsetxattr(fd, name, bytes, size, 0));
}
int KernelSyscalls::fremovexattr(int fd, const char* name) {
  return answer(::fremovexattr(fd, name));
}
int KernelSyscalls::ioctl_flags(int fd, long& flags) {
  int value = 0;  // the request is declared with a long, the kernel writes an int
  const int result = answer(::ioctl(fd, FS_IOC_GETFLAGS, &value));
  if (result >= 0) flags = value;
  return result;
}
int KernelSyscalls::ioctl_set_flags(int fd, long flags) {
  const int value = static_cast<int>(flags);
  return answer(::ioctl(fd, FS_IOC_SETFLAGS, &value));
}
int KernelSyscalls::flock(int fd, int operation) { return answer(::flock(fd, operation)); }

}  // namespace rollback
