// SPDX-License-Identifier: Apache-2.0
#include "tests/power/sync_layer.h"

#include <filesystem>

namespace rollback {

bool SyncLayer::is_dropped(std::string_view name, int fd) {
  if (!drops) return false;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).string();
  SyncCall call{name, path == root_ ? "" : path.substr(root_.size() + 1), 0};
  call.number = ++numbers_[std::string(name) + " " + call.path];
  if (!drops(call)) return false;
  ++dropped_;
  return true;
}

int SyncLayer::openat2(int dir, const char* path, const open_how& how) {
  return below_.openat2(dir, path, how);
}
int SyncLayer::close(int fd) { return below_.close(fd); }
ssize_t SyncLayer::read(int fd, void* bytes, std::size_t size) {
  return below_.read(fd, bytes, size);
}
ssize_t SyncLayer::pread(int fd, void* bytes, std::size_t size, off_t offset) {
  return below_.pread(fd, bytes, size, offset);
}
ssize_t SyncLayer::write(int fd, const void* bytes, std::size_t size) {
  return changed(below_.write(fd, bytes, size));
}
ssize_t SyncLayer::pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
  return changed(below_.pwrite(fd, bytes, size, offset));
}
int SyncLayer::ftruncate(int fd, off_t size) { return changed(below_.ftruncate(fd, size)); }
int SyncLayer::fsync(int fd) { return changed(is_dropped("fsync", fd) ? 0 : below_.fsync(fd)); }
int SyncLayer::fdatasync(int fd) {
  return changed(is_dropped("fdatasync", fd) ? 0 : below_.fdatasync(fd));
}
int SyncLayer::syncfs(int fd) { return changed(is_dropped("syncfs", fd) ? 0 : below_.syncfs(fd)); }
int SyncLayer::fallocate(int fd, int mode, off_t offset, off_t size) {
  return below_.fallocate(fd, mode, offset, size);
}

int SyncLayer::start_write_back(int fd) { return below_.start_write_back(fd); }
ssize_t SyncLayer::getdents64(int fd, void* bytes, std::size_t size) {
  return below_.getdents64(fd, bytes, size);
}
int SyncLayer::statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) {
  return below_.statx(dir, path, flags, mask, out);
}
int SyncLayer::fstatvfs(int fd, struct statvfs& out) { return below_.fstatvfs(fd, out); }
int SyncLayer::fstatfs(int fd, struct statfs& out) { return below_.fstatfs(fd, out); }
ssize_t SyncLayer::readlinkat(int dir, const char* path, char* bytes, std::size_t size) {
  return below_.readlinkat(dir, path, bytes, size);
}
int SyncLayer::renameat2(int from_dir, const char* from, int to_dir, const char* to,
                         unsigned flags) {
  return changed(below_.renameat2(from_dir, from, to_dir, to, flags));
}
int SyncLayer::unlinkat(int dir, const char* path, int flags) {
  return changed(below_.unlinkat(dir, path, flags));
}
int SyncLayer::mkdirat(int dir, const char* path, mode_t mode) {
  return changed(below_.mkdirat(dir, path, mode));
}
int SyncLayer::symlinkat(const char* target, int dir, const char* path) {
  return changed(below_.symlinkat(target, dir, path));
}
int SyncLayer::linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) {
  return changed(below_.linkat(from_dir, from, to_dir, to, flags));
}
int SyncLayer::fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) {
  return changed(below_.fchownat(dir, path, uid, gid, flags));
}
int SyncLayer::fchmod(int fd, mode_t mode) { return changed(below_.fchmod(fd, mode)); }
int SyncLayer::utimensat(int dir, const char* path, const timespec times[2], int flags) {
  return changed(below_.utimensat(dir, path, times, flags));
}
ssize_t SyncLayer::flistxattr(int fd, char* bytes, std::size_t size) {
  return below_.flistxattr(fd, bytes, size);
}
ssize_t SyncLayer::fgetxattr(int fd, const char* name, void* bytes, std::size_t size) {
  return below_.fgetxattr(fd, name, bytes, size);
}
int SyncLayer::fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) {
  return below_.fsetxattr(fd, name, bytes, size);
}
int SyncLayer::fremovexattr(int fd, const char* name) { return below_.fremovexattr(fd, name); }
int SyncLayer::ioctl_flags(int fd, long& flags) { return below_.ioctl_flags(fd, flags); }
int SyncLayer::ioctl_set_flags(int fd, long flags) { return below_.ioctl_set_flags(fd, flags); }
int SyncLayer::flock(int fd, int operation) { return below_.flock(fd, operation); }

}  // namespace rollback
