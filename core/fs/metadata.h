// SPDX-License-Identifier: Apache-2.0
// What a file is, apart from its content, as values.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>

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
// Most files have none: these take one pointer each.
class Xattrs {
 public:
  using Map = std::map<std::string, std::string>;
  using value_type = Map::value_type;
  using const_iterator = Map::const_iterator;

  Xattrs() = default;
  Xattrs(std::initializer_list<value_type> list) : map_(std::make_unique<Map>(list)) {}
  Xattrs(const Xattrs& other)
      : map_(other.empty() ? nullptr : std::make_unique<Map>(*other.map_)) {}
  Xattrs(Xattrs&&) noexcept = default;
  Xattrs& operator=(const Xattrs& other) { return *this = Xattrs(other); }
  Xattrs& operator=(Xattrs&&) noexcept = default;
  ~Xattrs() = default;

  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return map_ ? map_->size() : 0; }
  [[nodiscard]] const_iterator begin() const noexcept { return map().begin(); }
  [[nodiscard]] const_iterator end() const noexcept { return map().end(); }
  [[nodiscard]] const_iterator find(const std::string& name) const { return map().find(name); }
  [[nodiscard]] bool contains(const std::string& name) const { return map().contains(name); }
  // False when there is one of this name.
  bool emplace(std::string name, std::string value) {
    return own().emplace(std::move(name), std::move(value)).second;
  }
  std::string& operator[](const std::string& name) { return own()[name]; }
  void clear() noexcept { map_.reset(); }
  bool operator==(const Xattrs& other) const { return map() == other.map(); }

 private:
  [[nodiscard]] const Map& map() const noexcept { return map_ ? *map_ : none(); }
  Map& own() {
    if (!map_) map_ = std::make_unique<Map>();
    return *map_;
  }
  static const Map& none() noexcept;

  std::unique_ptr<Map> map_;
};

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
