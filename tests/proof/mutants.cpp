// SPDX-License-Identifier: Apache-2.0
#include "tests/proof/mutants.h"

#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

#include "tests/support/passing_syscalls.h"

namespace rollback {

namespace {

template <typename Mutated, typename... Args>
Layer layer_of(Args... args) {
  return [args...](Syscalls& below) { return std::make_unique<Mutated>(below, args...); };
}

// Calls of one name answer as if they were made.
class Dropping final : public PassingSyscalls {
 public:
  Dropping(Syscalls& below, std::string call) : PassingSyscalls(below), call_(std::move(call)) {}
  ssize_t write(int fd, const void* bytes, std::size_t size) override {
    if (is("write")) return static_cast<ssize_t>(size);
    return below_.write(fd, bytes, size);
  }
  ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) override {
    if (is("pwrite")) return static_cast<ssize_t>(size);
    return below_.pwrite(fd, bytes, size, offset);
  }
  int ftruncate(int fd, off_t size) override {
    return is("ftruncate") ? 0 : below_.ftruncate(fd, size);
  }
  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override {
    const bool exchange = (flags & RENAME_EXCHANGE) != 0;
    if (is(exchange ? "exchange" : "move")) return 0;
    return below_.renameat2(from_dir, from, to_dir, to, flags);
  }
  int unlinkat(int dir, const char* path, int flags) override {
    const bool directory = (flags & AT_REMOVEDIR) != 0;
    return is(directory ? "rmdir" : "unlink") ? 0 : below_.unlinkat(dir, path, flags);
  }
  int mkdirat(int dir, const char* path, mode_t mode) override {
    return is("mkdir") ? 0 : below_.mkdirat(dir, path, mode);
  }
  int symlinkat(const char* target, int dir, const char* path) override {
    return is("symlink") ? 0 : below_.symlinkat(target, dir, path);
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) override {
    return is("link") ? 0 : below_.linkat(from_dir, from, to_dir, to, flags);
  }
  int fchownat(int dir, const char* path, uid_t uid, gid_t gid, int flags) override {
    return is("fchown") ? 0 : below_.fchownat(dir, path, uid, gid, flags);
  }
  int fchmod(int fd, mode_t mode) override { return is("fchmod") ? 0 : below_.fchmod(fd, mode); }
  int utimensat(int dir, const char* path, const timespec times[2], int flags) override {
    return is("utimens") ? 0 : below_.utimensat(dir, path, times, flags);
  }
  int fsetxattr(int fd, const char* name, const void* bytes, std::size_t size) override {
    return is("fsetxattr") ? 0 : below_.fsetxattr(fd, name, bytes, size);
  }
  int fremovexattr(int fd, const char* name) override {
    return is("fremovexattr") ? 0 : below_.fremovexattr(fd, name);
  }
  ssize_t getdents64(int fd, void* bytes, std::size_t size) override {
    return is("getdents") ? 0 : below_.getdents64(fd, bytes, size);
  }

 private:
  [[nodiscard]] bool is(std::string_view call) const { return call_ == call; }
  const std::string call_;
};

enum class JournalFault { kNoWrites, kNoCut, kShortReads, kNoAppend };

// The same for the journal alone.
class Forgetful final : public PassingSyscalls {
 public:
  Forgetful(Syscalls& below, JournalFault fault) : PassingSyscalls(below), fault_(fault) {}
  int openat2(int dir, const char* path, const open_how& how) override {
    const bool journal = std::string_view(path) == "journal";
    open_how changed = how;
    if (journal && fault_ == JournalFault::kNoAppend)
      changed.flags &= ~static_cast<std::uint64_t>(O_APPEND);
    const int fd = below_.openat2(dir, path, changed);
    if (journal && fd >= 0) journals_.insert(fd);
    return fd;
  }
  int close(int fd) override {
    journals_.erase(fd);
    return below_.close(fd);
  }
  ssize_t write(int fd, const void* bytes, std::size_t size) override {
    if (has(fd, JournalFault::kNoWrites)) return static_cast<ssize_t>(size);
    return below_.write(fd, bytes, size);
  }
  int ftruncate(int fd, off_t size) override {
    return has(fd, JournalFault::kNoCut) ? 0 : below_.ftruncate(fd, size);
  }
  ssize_t read(int fd, void* bytes, std::size_t size) override {
    if (!has(fd, JournalFault::kShortReads)) return below_.read(fd, bytes, size);
    char ignored[1];
    const auto got = below_.read(fd, bytes, std::min<std::size_t>(size, 150));
    while (below_.read(fd, ignored, 1) == 1) continue;
    return got;
  }

 private:
  [[nodiscard]] bool has(int fd, JournalFault fault) const {
    return fault_ == fault && journals_.contains(fd);
  }
  const JournalFault fault_;
  std::set<int> journals_;
};

// Errors of one kind of call are taken for success, or repeated for nothing.
class Swallowing final : public PassingSyscalls {
 public:
  Swallowing(Syscalls& below, std::string call) : PassingSyscalls(below), call_(std::move(call)) {}
  ssize_t write(int fd, const void* bytes, std::size_t size) override {
    const auto put = below_.write(fd, bytes, size);
    if (call_ == "EINTR" && put == -EINTR) return -EIO;
    const bool whole = (call_ == "short write" && put >= 0) || (call_ == "write" && put < 0);
    return whole ? static_cast<ssize_t>(size) : put;
  }
  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override {
    const int result = below_.renameat2(from_dir, from, to_dir, to, flags);
    return call_ == "rename" ? 0 : result;
  }
  int fsync(int fd) override { return sync(below_.fsync(fd)); }
  int fdatasync(int fd) override { return sync(below_.fdatasync(fd)); }
  int fchmod(int fd, mode_t mode) override {
    const int result = below_.fchmod(fd, mode);
    return call_ == "fchmod" ? 0 : result;
  }
  int openat2(int dir, const char* path, const open_how& how) override {
    const int fd = below_.openat2(dir, path, how);
    return call_ == "EINTR" && fd == -EINTR ? -EIO : fd;
  }

 private:
  int sync(int result) const { return call_ == "sync" ? 0 : result; }
  const std::string call_;
};

// A rename that should exchange or not replace is a plain one.
class PlainRename final : public PassingSyscalls {
 public:
  PlainRename(Syscalls& below, unsigned dropped) : PassingSyscalls(below), dropped_(dropped) {}
  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override {
    return below_.renameat2(from_dir, from, to_dir, to, flags & ~dropped_);
  }

 private:
  const unsigned dropped_;
};

enum class Lie { kOneInode, kEmptyStage, kFollowed, kNoChangeTime };

class Blind final : public PassingSyscalls {
 public:
  Blind(Syscalls& below, Lie lie) : PassingSyscalls(below), lie_(lie) {}
  int statx(int dir, const char* path, int flags, unsigned mask, struct statx& out) override {
    const std::string_view name(path);
    if (lie_ == Lie::kEmptyStage && name.starts_with("0000")) return -ENOENT;
    if (lie_ == Lie::kFollowed) flags &= ~AT_SYMLINK_NOFOLLOW;
    const int result = below_.statx(dir, path, flags, mask, out);
    if (lie_ == Lie::kOneInode) out.stx_ino = 1;
    if (lie_ == Lie::kNoChangeTime) out.stx_ctime = {};
    return result;
  }

 private:
  const Lie lie_;
};

class OpenFlags final : public PassingSyscalls {
 public:
  OpenFlags(Syscalls& below, std::uint64_t flags, std::uint64_t resolve)
      : PassingSyscalls(below), flags_(flags), resolve_(resolve) {}
  int openat2(int dir, const char* path, const open_how& how) override {
    open_how changed = how;
    changed.flags &= ~flags_;
    changed.resolve &= ~resolve_;
    return below_.openat2(dir, path, changed);
  }

 private:
  const std::uint64_t flags_, resolve_;
};

enum class Sight { kDisk, kFlags };

class Hopeful final : public PassingSyscalls {
 public:
  Hopeful(Syscalls& below, Sight lost) : PassingSyscalls(below), lost_(lost) {}
  int fstatvfs(int fd, struct statvfs& out) override {
    const int result = below_.fstatvfs(fd, out);
    if (lost_ != Sight::kDisk) return result;
    out.f_bavail = out.f_favail = 1UL << 40U;
    out.f_flag = 0;
    return result;
  }
  int ioctl_flags(int fd, long& flags) override {
    const int result = below_.ioctl_flags(fd, flags);
    if (lost_ == Sight::kFlags) flags = 0;
    return result;
  }

 private:
  const Sight lost_;
};

class Unlocked final : public PassingSyscalls {
 public:
  explicit Unlocked(Syscalls& below) : PassingSyscalls(below) {}
  int flock(int, int) override { return 0; }
};

}  // namespace

std::vector<Mutant> careless_mutants() {
  std::vector<Mutant> all;
  for (const auto* call :
       {"exchange", "move", "unlink", "rmdir", "mkdir", "symlink", "link", "fchown", "fchmod",
        "utimens", "fsetxattr", "fremovexattr", "write", "pwrite", "ftruncate"})
    all.push_back({std::string("drops ") + call, layer_of<Dropping>(std::string(call))});
  all.push_back(
      {"lists empty directories", layer_of<Dropping>(std::string("getdents")), Act::kCleanUp});
  all.push_back({"drops writes of the journal", layer_of<Forgetful>(JournalFault::kNoWrites)});
  all.push_back({"leaves the journal's torn end", layer_of<Forgetful>(JournalFault::kNoCut)});
  all.push_back({"reads a part of the journal", layer_of<Forgetful>(JournalFault::kShortReads),
                 Act::kRecover});
  all.push_back(
      {"writes over the journal", layer_of<Forgetful>(JournalFault::kNoAppend), Act::kRecover});
  for (const auto* call : {"rename", "sync", "write", "fchmod", "short write", "EINTR"})
    all.push_back({std::string("swallows ") + call, layer_of<Swallowing>(std::string(call)),
                   Act::kCommit, Tried::kErrors});
  all.push_back({"replaces where it should exchange",
                 layer_of<PlainRename>(static_cast<unsigned>(RENAME_EXCHANGE))});
  all.push_back({"takes every inode for the same", layer_of<Blind>(Lie::kOneInode)});
  all.push_back({"finds no slot of a stage", layer_of<Blind>(Lie::kEmptyStage), Act::kRecover});
  all.push_back({"looks through links", layer_of<Blind>(Lie::kFollowed)});
  return all;
}

Layer without_lock() { return layer_of<Unlocked>(); }
Layer without_noreplace() { return layer_of<PlainRename>(static_cast<unsigned>(RENAME_NOREPLACE)); }
Layer without_exclusive_creation() {
  return layer_of<OpenFlags>(static_cast<std::uint64_t>(O_EXCL), std::uint64_t{0});
}
Layer without_change_times() { return layer_of<Blind>(Lie::kNoChangeTime); }
Layer without_sight_of_full_disks() { return layer_of<Hopeful>(Sight::kDisk); }
Layer without_sight_of_flags() { return layer_of<Hopeful>(Sight::kFlags); }
Layer without_beneath() {
  return layer_of<OpenFlags>(
      static_cast<std::uint64_t>(O_NOFOLLOW),
      static_cast<std::uint64_t>(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
}

}  // namespace rollback
