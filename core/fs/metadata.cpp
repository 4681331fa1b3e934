// SPDX-License-Identifier: Apache-2.0
#include "core/fs/metadata.h"

#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

namespace rollback {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kSizeTries = 8;  // a size may grow between asking for it and reading

FileType to_type(unsigned mode) {
  if (S_ISREG(mode)) return FileType::kRegular;
  if (S_ISDIR(mode)) return FileType::kDirectory;
  if (S_ISLNK(mode)) return FileType::kSymlink;
  return FileType::kOther;
}

std::int64_t to_ns(const statx_timestamp& time) { return time.tv_sec * kSecond + time.tv_nsec; }

// Asks for a size, then for the bytes: a negative result is -errno.
template <typename Call>
ssize_t read_sized(std::string& bytes, Call call) {
  ssize_t size = -ERANGE;
  for (int turn = 0; turn < kSizeTries && size == -ERANGE; ++turn) {
    size = call(nullptr, 0);
    if (size <= 0) break;
    bytes.resize(static_cast<std::size_t>(size));
    size = call(bytes.data(), bytes.size());
  }
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return size;
}

Status apply_xattrs(Syscalls& calls, int fd, const Xattrs& wanted, const std::string& path) {
  ROLLBACK_ASSIGN(const auto present, read_xattrs(calls, fd, path));
  for (const auto& [name, value] : present) {
    if (wanted.contains(name) || name == "security.selinux") continue;  // a label cannot be removed
    const int result = calls.fremovexattr(fd, name.c_str());
    if (result < 0 && result != -ENODATA)
      return fail_errno(-result, "remove the attribute " + name + " of " + path);
  }
  for (const auto& [name, value] : wanted) {
    const auto old = present.find(name);
    if (old != present.end() && old->second == value) continue;
    const int result = calls.fsetxattr(fd, name.c_str(), value.data(), value.size());
    if (result < 0) return fail_errno(-result, "set the attribute " + name + " of " + path);
  }
  return {};
}

}  // namespace

const Xattrs::Map& Xattrs::none() noexcept {
  static const Map map;
  return map;
}

FileStat to_file_stat(const struct statx& raw) {
  FileStat stat;
  stat.type = to_type(raw.stx_mode);
  stat.mode = raw.stx_mode & 07777U;
  stat.uid = raw.stx_uid;
  stat.gid = raw.stx_gid;
  stat.nlink = raw.stx_nlink;
  stat.size = raw.stx_size;
  stat.allocated = raw.stx_blocks * 512;
  stat.ino = raw.stx_ino;
  stat.dev = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  stat.mount_id = raw.stx_mnt_id;
  stat.mtime_ns = to_ns(raw.stx_mtime);
  stat.ctime_ns = to_ns(raw.stx_ctime);
  return stat;
}

Result<Xattrs> read_xattrs(Syscalls& calls, int fd, const std::string& path) {
  std::string names;
  const ssize_t listed = read_sized(
      names, [&](char* bytes, std::size_t size) { return calls.flistxattr(fd, bytes, size); });
  if (listed == -EOPNOTSUPP) return Xattrs{};
  if (listed < 0) return fail_errno(static_cast<int>(-listed), "list the attributes of " + path);

  Xattrs xattrs;
  for (std::string_view rest = names; !rest.empty();) {
    const std::string name(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    std::string value;
    const ssize_t got = read_sized(value, [&](char* bytes, std::size_t size) {
      return calls.fgetxattr(fd, name.c_str(), bytes, size);
    });
    if (got == -ENODATA) continue;  // removed since it was listed
    if (got < 0)
      return fail_errno(static_cast<int>(-got), "read the attribute " + name + " of " + path);
    xattrs.emplace(name, std::move(value));
  }
  return xattrs;
}

Status apply_meta(Syscalls& calls, int fd, const FileMeta& meta, const std::string& path) {
  if (const int result = calls.fchownat(fd, "", meta.uid, meta.gid, AT_EMPTY_PATH); result < 0)
    return fail_errno(-result, "change the owner of " + path);
  if (const int result = calls.fchmod(fd, meta.mode); result < 0)
    return fail_errno(-result, "change the mode of " + path);
  ROLLBACK_TRY(apply_xattrs(calls, fd, meta.xattrs, path));
  return apply_mtime(calls, fd, meta.mtime_ns, path);
}

Status apply_mtime(Syscalls& calls, int fd, std::int64_t mtime_ns, const std::string& path) {
  std::int64_t seconds = mtime_ns / kSecond;
  std::int64_t rest = mtime_ns % kSecond;
  if (rest < 0) {  // before 1970
    rest += kSecond;
    --seconds;
  }
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                             {.tv_sec = seconds, .tv_nsec = rest}};
  const int result = calls.utimensat(fd, "", times, AT_EMPTY_PATH);
  if (result < 0) return fail_errno(-result, "change the time of " + path);
  return {};
}

}  // namespace rollback
