// SPDX-License-Identifier: Apache-2.0
// What a file is, apart from its content, as values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/fs/syscalls.h"
#include "core/result.h"

namespace rollback {

enum class FileType { kRegular = 1, kDirectory = 2, kSymlink = 3, kOther = 4 };

// One statx answer.
struct FileStat {
  FileType type = FileType::kOther;
  std::uint32_t mode = 0;  // permission bits with setuid, setgid and sticky (07777)
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t nlink = 0;
  std::uint64_t size = 0;       // bytes
  std::uint64_t allocated = 0;  // bytes that it takes on the disk
  std::uint64_t ino = 0;
  std::uint64_t dev = 0;       // makedev(major, minor)
  std::uint64_t mount_id = 0;  // statx stx_mnt_id
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  bool operator==(const FileStat&) const = default;
};

// Names (not paths) and raw values, "security.capability", "system.posix_acl_access", "user.x".
using Xattrs = std::map<std::string, std::string>;

struct FileMeta {
  std::uint32_t mode = 0;  // 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_ns = 0;
  Xattrs xattrs;
  bool operator==(const FileMeta&) const = default;
};

FileStat to_file_stat(const struct statx& raw);

// `fd` must be readable (not O_PATH). File systems without xattrs give an empty map.
Result<Xattrs> read_xattrs(Syscalls& calls, int fd, const std::string& path);

// Owner first (chown clears setuid), then mode, xattrs (missing ones removed), mtime last.
// `fd` must not be O_PATH. `path` only names it in errors.
Status apply_meta(Syscalls& calls, int fd, const FileMeta& meta, const std::string& path);

// The last part of apply_meta alone; works on an O_PATH descriptor too (symlinks).
Status apply_mtime(Syscalls& calls, int fd, std::int64_t mtime_ns, const std::string& path);

}  // namespace rollback
