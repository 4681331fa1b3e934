// SPDX-License-Identifier: Apache-2.0
// A Syscalls over another one that counts calls and, at call N, fails or kills the process.
//
//   bool more = true;
//   for (int point = 0; more; ++point) {
//     more = was_killed([&] { FaultySyscalls calls(kernel, KillAt{point}); work(calls); });
//     ... what is on disk must be fine after every point ...
//   }
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string_view>
#include <variant>
#include <vector>

#include "core/fs/syscalls.h"

namespace rollback {

// All count from 0. Where a call fails, it is not made (but close closes).
struct KillAt {
  int call = 0;
};
struct FailAt {
  int call = 0;
  int error = 0;  // ENOSPC: the call answers -ENOSPC
};
struct ShortAt {
  int call = 0;  // a read or write moves half of its bytes; other calls do not notice
};
struct FailFrom {
  int call = 0;   // this one and every later one that can say `error`, until repair()
  int error = 0;  // EROFS: the disk takes no writes any more
};
struct NoFault {};
using Fault = std::variant<NoFault, KillAt, FailAt, ShortAt, FailFrom>;

enum class Counted {
  kMutating,  // what changes the disk or makes a change durable: between others a kill looks the
              // same
  kAll,
};

// One call as it was counted.
struct CountedCall {
  std::string_view name;  // "renameat2"
  bool mutates = false;   // for openat2: it may create
  bool outside = false;   // no system call, but what another program is asked for
};

// Whether a file system that is in trouble makes `call` answer EIO, ENOSPC, EROFS or EINTR.
bool can_say(const CountedCall& call, int error);

// Any thread.
class FaultySyscalls final : public Syscalls {
 public:
  explicit FaultySyscalls(Syscalls& below, Fault fault = NoFault{},
                          Counted counted = Counted::kMutating)
      : below_(below), fault_(fault), counted_(counted) {}

  // How many calls were counted, the failed one included.
  [[nodiscard]] int calls() const noexcept { return calls_; }
  // Those, in their order, when asked for before.
  void keep_list() noexcept { keeps_list_ = true; }
  [[nodiscard]] std::vector<CountedCall> list() const;
  // FailFrom is over.
  void repair() noexcept { repaired_ = true; }
  // An effect on another program, counted as a call that changes something: the fakes of such
  // programs ask here. 0, or -errno when it must fail.
  int outside(const char* name) { return enter(Effect::kOutside, nullptr, name); }

  // Hears the name of each call; what is not 0 is its answer, -errno. Set before use, any thread.
  std::function<int(std::string_view call)> answer;
  // What fstatfs says of the type of every file system; 0 the truth.
  long file_system = 0;

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

 private:
  enum class Effect { kReads, kMutates, kOutside };
  // 0: make the call, of `size` bytes; otherwise its answer.
  int enter(Effect effect, std::size_t* size = nullptr, const char* call = __builtin_FUNCTION());

  Syscalls& below_;
  Fault fault_;
  Counted counted_;
  std::atomic<int> calls_ = 0;
  std::atomic<bool> repaired_ = false;
  bool keeps_list_ = false;
  mutable std::mutex mutex_;  // guards list_
  std::vector<CountedCall> list_;
};

}  // namespace rollback
