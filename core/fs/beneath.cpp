// SPDX-License-Identifier: Apache-2.0
#include "core/fs/beneath.h"

#include <dirent.h>
#include <limits.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace rollback::beneath {

namespace {

// openat2 answers EAGAIN when something was renamed meanwhile and it cannot prove that the path
// stayed beneath; somebody who renames without end must not hold us.
constexpr int kOpenTries = 128;
constexpr std::size_t kMaxPath = 65'535;  // as model/tree.h has it

int open_once(Syscalls& calls, int dir, const std::string& path, const open_how& how) {
  int fd = -EAGAIN;
  for (int turn = 0; turn < kOpenTries && fd == -EAGAIN; ++turn)
    fd = uninterrupted([&] { return calls.openat2(dir, path.c_str(), how); });
  return fd;
}

// Directory by directory in steps that the kernel takes. Each step stays beneath the one before it.
int open_long(Syscalls& calls, int dir, std::string_view path, const open_how& how) {
  open_how step{};
  step.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  step.resolve = how.resolve;
  int at = dir;
  const auto leave = [&] {
    if (at != dir) (void)calls.close(at);  // O_PATH: nothing was written through it
  };
  while (path.size() >= PATH_MAX) {
    const auto slash = path.rfind('/', PATH_MAX - 1);
    if (slash == 0 || slash == std::string_view::npos) break;  // one name: the kernel refuses it
    const int next = open_once(calls, at, std::string(path.substr(0, slash)), step);
    leave();
    if (next < 0) return next;
    at = next;
    path.remove_prefix(slash + 1);
  }
  const int fd = open_once(calls, at, std::string(path), how);
  leave();
  return fd;
}

std::string_view hint(int error, std::uint64_t resolve) {
  if (error == ELOOP) return " (a part of the path is a symbolic link, which is never followed)";
  if (error == EXDEV && (resolve & RESOLVE_NO_XDEV) != 0)
    return " (the path crosses a mount point or leaves its directory)";
  if (error == ENOSYS)
    return " (openat2 is missing: the kernel is older than 5.6 or RestrictSUIDSGID= is set)";
  return "";
}

Failure unusable(std::string_view path, std::string_view why) {
  const std::string shown(path.substr(0, 200));
  return fail(ErrorCode::kInvalid,
              "the path '" + shown + (path.size() > 200 ? "...' " : "' ") + std::string(why));
}

}  // namespace

Result<std::string> checked(std::string_view path) {
  if (path.empty() || path == ".") return std::string(".");
  if (path.find('\0') != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "a path holds a NUL");
  if (path.size() > kMaxPath) return unusable(path, "is longer than 65,535 bytes");
  if (path.front() == '/') return unusable(path, "is absolute where a relative one is needed");
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.size() > NAME_MAX) return unusable(path, "has a component of more than 255 bytes");
    if (part.empty()) return unusable(path, "has an empty component");
    if (part == "." || part == "..") return unusable(path, "has a component '.' or '..'");
    begin = end + 1;
  }
  return std::string(path);
}

int try_open(Syscalls& calls, int dir, const std::string& path, std::uint64_t flags,
             std::uint64_t resolve, std::uint32_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  // With O_DIRECTORY and NOFOLLOW a link answers ENOTDIR, without NOFOLLOW the truth: ELOOP.
  const bool links_refused = (resolve & RESOLVE_NO_SYMLINKS) != 0 && (flags & O_DIRECTORY) != 0;
  if (!links_refused) how.flags |= O_NOFOLLOW;
  how.mode = mode;
  how.resolve = resolve;
  if (path.size() >= PATH_MAX) return open_long(calls, dir, path, how);
  return open_once(calls, dir, path, how);
}

Result<int> open(Syscalls& calls, int dir, const std::string& path, std::uint64_t flags,
                 std::uint64_t resolve, const std::string& shown, std::uint32_t mode) {
  const int fd = try_open(calls, dir, path, flags, resolve, mode);
  if (fd >= 0) return fd;
  if (fd == -ENXIO) return fail(ErrorCode::kInvalid, shown + " is not a regular file");  // socket
  auto error = errno_error(-fd, "open " + shown);
  error.message += hint(-fd, resolve);
  return Failure(std::move(error));
}

int try_stat(Syscalls& calls, int dir, const std::string& name, FileStat& found) {
  const int flags = name.empty() ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  struct statx raw {};
  const int result = uninterrupted(
      [&] { return calls.statx(dir, name.c_str(), flags, STATX_BASIC_STATS | STATX_MNT_ID, raw); });
  if (result >= 0) found = to_file_stat(raw);
  return result;
}

Result<FileStat> stat(Syscalls& calls, int dir, const std::string& name, const std::string& shown) {
  FileStat found;
  const int result = try_stat(calls, dir, name, found);
  if (result < 0) return fail_errno(-result, "stat " + shown);
  return found;
}

Result<std::vector<std::string>> names(Syscalls& calls, int dir, std::size_t limit,
                                       const std::string& shown) {
  std::vector<std::string> found;
  alignas(dirent64) std::array<char, 32 * 1024> buffer;
  while (true) {
    const ssize_t size =
        uninterrupted([&] { return calls.getdents64(dir, buffer.data(), buffer.size()); });
    if (size < 0) return fail_errno(static_cast<int>(-size), "list " + shown);
    if (size == 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      std::uint16_t length = 0;
      std::memcpy(&length, buffer.data() + at + offsetof(dirent64, d_reclen), sizeof(length));
      const std::string_view name(buffer.data() + at + offsetof(dirent64, d_name));
      if (name != "." && name != "..") found.emplace_back(name);
      at += length;
    }
    if (found.size() > limit)
      return fail(ErrorCode::kInvalid,
                  shown + " has more than " + std::to_string(limit) + " entries");
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string join(const std::string& parent, std::string_view name) {
  if (parent.empty()) return std::string(name);
  if (name.empty() || name == ".") return parent;
  return (parent.back() == '/' ? parent : parent + "/") + std::string(name);
}

}  // namespace rollback::beneath
