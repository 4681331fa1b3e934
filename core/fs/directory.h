// SPDX-License-Identifier: Apache-2.0
// A directory held open. Every path given to it is relative, free of "..", and resolved by openat2
// with BENEATH | NO_SYMLINKS | NO_MAGICLINKS, so that nobody who can write below it can lead us out
// of it. The last component is never followed either. Thread-compatible: const methods may be
// called from several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fs/metadata.h"
#include "core/fs/syscalls.h"
#include "core/result.h"

namespace rollback {

// An open descriptor and the layer that opened it. Closes on destruction; use close() where the
// answer matters (a file that was written).
class File {
 public:
  File() = default;
  File(Syscalls& calls, int fd, std::string path);
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }  // for errors
  Result<FileStat> stat() const;
  Result<std::size_t> read(void* bytes, std::size_t size) const;  // 0 at the end; EINTR retried
  // The content from here to its end, in order and in pieces; `use` stops it with an error.
  Status read_pieces(const std::function<Status(std::string_view)>& use) const;
  // The same of a file that has `size` bytes; false when it has fewer or more, which is seen at the
  // first byte too many: whoever appends as fast as this reads does not hold it.
  Result<bool> read_exactly(std::uint64_t size,
                            const std::function<Status(std::string_view)>& use) const;
  // Whole content; kInvalid above `limit` bytes.
  Result<std::string> read_all(std::size_t limit) const;
  Status write_all(std::string_view bytes) const;
  Status write_at(std::string_view bytes, std::uint64_t offset) const;  // all of them
  Status resize(std::uint64_t size) const;                              // what it gains is a hole
  // Room for these bytes, so that writing them cannot fail for want of it (kNoSpace). False where
  // the file system has no such promise.
  enum class Growth { kKeepsSize, kGrows };  // whether they count as the file's already
  Result<bool> allocate(std::uint64_t offset, std::uint64_t size, Growth growth) const;
  // The disk begins; nothing is durable by it, and a failure is told here or by the sync. Where the
  // call is not known, or a sandbox forbids it, the sync does all the work.
  Status start_write_back() const;
  Status sync() const;       // fsync; an error is final for this file, never retried
  Status data_sync() const;  // fdatasync
  Status close();

 private:
  Syscalls* calls_ = nullptr;
  int fd_ = -1;
  std::string path_;
};

enum class Crossing { kRefuse, kAllow };  // mount points below the directory (NO_XDEV)

class Directory {
 public:
  Directory() = default;
  // The only absolute path: called from main and tests.
  static Result<Directory> open_root(Syscalls& calls, const std::string& absolute_path);

  // "" or "." is the directory itself.
  Result<Directory> open_directory(std::string_view path,
                                   Crossing crossing = Crossing::kRefuse) const;
  // O_RDONLY | O_NOFOLLOW | O_NONBLOCK, then fstat: kInvalid when it is not a regular file.
  Result<File> open_file(std::string_view path) const;
  // O_CREAT | O_EXCL | O_RDWR.
  Result<File> create_file(std::string_view path, std::uint32_t mode) const;
  // O_RDWR | O_CREAT | O_APPEND, for our own logs and lock files.
  Result<File> open_append(std::string_view path, std::uint32_t mode) const;

  // nullopt where nothing is there (also when a parent is absent or no directory).
  Result<std::optional<FileStat>> find_stat(std::string_view path) const;
  Result<FileStat> stat(std::string_view path) const;
  // Xattrs of whatever is there; those of symlinks through /proc-free O_PATH are not read: empty.
  Result<Xattrs> xattrs(std::string_view path) const;
  Result<std::string> read_link(std::string_view path) const;
  // Sorted by name (bytes), without "." and "..".
  Result<std::vector<std::string>> list(std::string_view path) const;

  Status make_directory(std::string_view path, std::uint32_t mode) const;
  // Creates what is missing of `path`, each 0700; existing ones are left alone.
  Status make_directories(std::string_view path) const;
  Status make_symlink(const std::string& target, std::string_view path) const;
  Status remove_file(std::string_view path) const;
  Status remove_directory(std::string_view path) const;
  // Everything below and the directory itself; absent is success. Never follows links.
  Status remove_tree(std::string_view path) const;
  // fsync of the directory `path` (opened O_RDONLY | O_DIRECTORY).
  Status sync(std::string_view path = "") const;
  // What the file system it is on says of itself, and of its free space.
  Result<struct statfs> file_system() const;
  Result<struct statvfs> space() const;
  // Asks for directories made in this one to be placed apart from it, as with `chattr +T`. ext4
  // looks long for a free inode where many were freed within the last minutes, as a deploy does.
  // A wish: file systems that do not know it lose nothing.
  void place_directories_apart() const;
  // Applies to directories and files; owner and mtime only for symlinks.
  Status set_meta(std::string_view path, const FileMeta& meta) const;

  [[nodiscard]] int fd() const noexcept { return file_.fd(); }
  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }
  [[nodiscard]] Syscalls& calls() const noexcept { return *calls_; }

 private:
  Directory(Syscalls& calls, File file);
  Syscalls* calls_ = nullptr;
  File file_;
};

// The parent of a relative path, opened, and its last component.
struct ParentOf {
  Directory directory;
  std::string name;
};
Result<ParentOf> open_parent(const Directory& root, std::string_view path,
                             Crossing crossing = Crossing::kRefuse);

}  // namespace rollback
