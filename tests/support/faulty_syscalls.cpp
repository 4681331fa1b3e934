// SPDX-License-Identifier: Apache-2.0
#include "tests/support/faulty_syscalls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace rollback {

namespace {

constexpr std::array kNeedRoom = {
    "fallocate", "openat2",   "write", "pwrite",    "ftruncate", "renameat2",        "mkdirat",
    "linkat",    "symlinkat", "fsync", "fdatasync", "syncfs",    "start_write_back", "fsetxattr"};
// They make earlier changes durable: a file system that became read-only says EIO here.
constexpr std::array kSync = {"fsync", "fdatasync", "syncfs", "start_write_back"};

template <typename Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool can_say(const CountedCall& call, int error) {
  if (call.outside) return false;
  if (error == ENOSPC) return call.mutates && is_one_of(kNeedRoom, call.name);
  if (error == EROFS) return call.mutates && !is_one_of(kSync, call.name);
  return true;
}

std::vector<CountedCall> FaultySyscalls::list() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

int FaultySyscalls::enter(Effect effect, std::size_t* size, const char* call_name) {
  if (const int given = answer ? answer(call_name) : 0; given != 0) return given;
  const bool mutates = effect != Effect::kReads;
  const bool is_outside = effect == Effect::kOutside;
  if (counted_ == Counted::kMutating && !mutates) return 0;
  const int call = calls_++;
  if (keeps_list_) {
    const std::lock_guard lock(mutex_);
    list_.push_back({call_name, mutates, is_outside});
  }
  if (const auto* kill = std::get_if<KillAt>(&fault_); kill != nullptr && kill->call == call)
    ::raise(SIGKILL);
  if (const auto* failure = std::get_if<FailAt>(&fault_);
      failure != nullptr && failure->call == call)
    return -failure->error;
  if (const auto* part = std::get_if<ShortAt>(&fault_);
      part != nullptr && part->call == call && size != nullptr && *size > 1)
    *size /= 2;
  if (const auto* sick = std::get_if<FailFrom>(&fault_);
      sick != nullptr && sick->call <= call && !repaired_ &&
      can_say({call_name, mutates, is_outside}, sick->error))
    return -sick->error;
  return 0;
}

int FaultySyscalls::openat2(int dir, const char* path, const open_how& how) {
  const int fault =
      enter((how.flags & (O_CREAT | O_TRUNC)) != 0 ? Effect::kMutates : Effect::kReads);
  return fault != 0 ? fault : below_.openat2(dir, path, how);
}
int FaultySyscalls::close(int fd) {
  const int fault = enter(Effect::kReads);
  const int closed = below_.close(fd);  // the kernel closes whatever it answers
  return fault != 0 ? fault : closed;
}
ssize_t FaultySyscalls::read(int fd, void* bytes, std::size_t size) {
  const int fault = enter(Effect::kReads, &size);
  return fault != 0 ? fault : below_.read(fd, bytes, size);
}
ssize_t FaultySyscalls::pread(int fd, void* bytes, std::size_t size, off_t offset) {
  const int fault = enter(Effect::kReads, &size);
  return fault != 0 ? fault : below_.pread(fd, bytes, size, offset);
}
ssize_t FaultySyscalls::write(int fd, const void* bytes, std::size_t size) {
  const int fault = enter(Effect::kMutates, &size);
  return fault != 0 ? fault : below_.write(fd, bytes, size);
}
ssize_t FaultySyscalls::pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
  const int fault = enter(Effect::kMutates, &size);
  return fault != 0 ? fault : below_.pwrite(fd, bytes, size, offset);
}
int FaultySyscalls::ftruncate(int fd, off_t size) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.ftruncate(fd, size);
}
int FaultySyscalls::fsync(int fd) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.fsync(fd);
}
int FaultySyscalls::fdatasync(int fd) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.fdatasync(fd);
}
int FaultySyscalls::syncfs(int fd) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.syncfs(fd);
}
int FaultySyscalls::fallocate(int fd, int mode, off_t offset, off_t size) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.fallocate(fd, mode, offset, size);
}
int FaultySyscalls::start_write_back(int fd) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.start_write_back(fd);
}
ssize_t FaultySyscalls::getdents64(int fd, void* bytes, std::size_t size) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.getdents64(fd, bytes, size);
}
int FaultySyscalls::statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.statx(dir, path, flags, mask, out);
}
int FaultySyscalls::fstatvfs(int fd, struct statvfs& out) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.fstatvfs(fd, out);
}
int FaultySyscalls::fstatfs(int fd, struct statfs& out) {
  const int fault = enter(Effect::kReads);
  const int result = fault != 0 ? fault : below_.fstatfs(fd, out);
  if (file_system != 0) out.f_type = file_system;
  return result;
}
ssize_t FaultySyscalls::readlinkat(int dir, const char* path, char* bytes, std::size_t size) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.readlinkat(dir, path, bytes, size);
}
int FaultySyscalls::renameat2(int from_dir, const char* from, int to_dir, const char* to,
                              unsigned flags) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.renameat2(from_dir, from, to_dir, to, flags);
}
int FaultySyscalls::unlinkat(int dir, const char* path, int flags) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.unlinkat(dir, path, flags);
}
int FaultySyscalls::mkdirat(int dir, const char* path, mode_t mode) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.mkdirat(dir, path, mode);
}
int FaultySyscalls::symlinkat(const char* target, int dir, const char* path) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.symlinkat(target, dir, path);
}
int FaultySyscalls::linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.linkat(from_dir, from, to_dir, to, flags);
}
int FaultySyscalls::fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.fchownat(dir, path, uid, gid, flags);
}
int FaultySyscalls::fchmod(int fd, mode_t mode) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.fchmod(fd, mode);
}
int FaultySyscalls::utimensat(int dir, const char* path, const timespec times[2], int flags) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.utimensat(dir, path, times, flags);
}
ssize_t FaultySyscalls::flistxattr(int fd, char* bytes, std::size_t size) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.flistxattr(fd, bytes, size);
}
ssize_t FaultySyscalls::fgetxattr(int fd, const char* name, void* bytes, std::size_t size) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.fgetxattr(fd, name, bytes, size);
}
int FaultySyscalls::fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.fsetxattr(fd, name, bytes, size);
}
int FaultySyscalls::fremovexattr(int fd, const char* name) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.fremovexattr(fd, name);
}
int FaultySyscalls::ioctl_flags(int fd, long& flags) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.ioctl_flags(fd, flags);
}
int FaultySyscalls::ioctl_set_flags(int fd, long flags) {
  const int fault = enter(Effect::kMutates);
  return fault != 0 ? fault : below_.ioctl_set_flags(fd, flags);
}
int FaultySyscalls::flock(int fd, int operation) {
  const int fault = enter(Effect::kReads);
  return fault != 0 ? fault : below_.flock(fd, operation);
}

}  // namespace rollback
