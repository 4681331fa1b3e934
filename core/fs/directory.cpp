// SPDX-License-Identifier: Apache-2.0
#include "core/fs/directory.h"

#include <limits.h>
#include <linux/fs.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "core/fs/beneath.h"

namespace rollback {

namespace {

constexpr std::size_t kMaxTreeDepth = 256;  // as deep as walk() goes; one descriptor each
constexpr std::uint64_t kReadDirectory = O_RDONLY | O_DIRECTORY;  // O_PATH could not be synced
constexpr std::uint64_t kReadForeign = O_RDONLY | O_NONBLOCK | O_NOCTTY;  // a FIFO is not waited on

// Where the last component of a path is: a name in the directory `dir`.
struct Place {
  File parent;  // holds `dir` open when it is not the starting directory itself
  int dir = -1;
  std::string name;  // "" is the starting directory itself
  std::string path;  // below the starting directory
  const Directory* root = nullptr;
  [[nodiscard]] std::string shown() const { return beneath::join(root->path(), path); }
};

Result<Place> place_of(const Directory& root, std::string_view path) {
  Place place;
  ROLLBACK_ASSIGN(place.path, beneath::checked(path));
  const std::string& relative = place.path;
  place.root = &root;
  place.dir = root.fd();
  if (relative == ".") return place;
  const auto slash = relative.rfind('/');
  place.name = slash == std::string::npos ? relative : relative.substr(slash + 1);
  if (slash == std::string::npos) return place;
  const auto parent = relative.substr(0, slash);
  place.dir = beneath::try_open(root.calls(), root.fd(), parent, O_PATH | O_DIRECTORY,
                                beneath::kStayOnMount);
  if (place.dir == -ELOOP)  // a link is no directory of ours: nothing can be below it
    return fail(ErrorCode::kNotFound,
                "open " + place.shown() + ": a directory of the path is a symbolic link");
  if (place.dir == -EXDEV)
    return fail(ErrorCode::kUnsupported,
                "open " + place.shown() + ": a directory of the path is on another mount");
  if (place.dir < 0) return fail_errno(-place.dir, "open " + place.shown());
  place.parent = File(root.calls(), place.dir, place.shown());
  return place;
}

// The same for what is going to be made, renamed or removed.
Result<Place> entry_of(const Directory& root, std::string_view path) {
  ROLLBACK_ASSIGN(Place place, place_of(root, path));
  if (place.name.empty())
    return fail(ErrorCode::kInvalid, "a path below " + place.shown() + " is needed, not itself");
  return place;
}

Result<File> open_file_at(const Directory& root, std::string_view path, std::uint64_t flags,
                          std::uint32_t mode = 0) {
  ROLLBACK_ASSIGN(const std::string relative, beneath::checked(path));
  std::string shown = beneath::join(root.path(), relative);
  ROLLBACK_ASSIGN(const int fd, beneath::open(root.calls(), root.fd(), relative, flags,
                                              beneath::kStayOnMount, shown, mode));
  return File(root.calls(), fd, std::move(shown));
}

Status require_regular(const File& file) {
  ROLLBACK_ASSIGN(const FileStat stat, file.stat());
  if (stat.type == FileType::kRegular) return {};
  return fail(ErrorCode::kInvalid, file.path() + " is not a regular file");
}

Status remove_below(Syscalls& calls, int dir, const std::string& shown, std::size_t depth);

// `name` in the directory `dir`: a file, a link, or a whole tree. Absent is success.
Status remove_entry(Syscalls& calls, int dir, const std::string& name, const std::string& shown,
                    std::size_t depth) {
  const int unlinked = calls.unlinkat(dir, name.c_str(), 0);
  if (unlinked >= 0 || unlinked == -ENOENT) return {};
  if (unlinked != -EISDIR) return fail_errno(-unlinked, "remove " + shown);
  if (depth == 0)
    return fail(ErrorCode::kInvalid, shown + " is nested too deeply to be removed in one go");
  {
    ROLLBACK_ASSIGN(const int fd,
                    beneath::open(calls, dir, name, kReadDirectory, beneath::kStayOnMount, shown));
    const File below(calls, fd, shown);
    ROLLBACK_TRY(remove_below(calls, fd, shown, depth - 1));
  }
  const int removed = calls.unlinkat(dir, name.c_str(), AT_REMOVEDIR);
  if (removed < 0 && removed != -ENOENT) return fail_errno(-removed, "remove " + shown);
  return {};
}

Status remove_below(Syscalls& calls, int dir, const std::string& shown, std::size_t depth) {
  ROLLBACK_ASSIGN(const auto names, beneath::names(calls, dir, SIZE_MAX, shown));
  for (const auto& name : names)
    ROLLBACK_TRY(remove_entry(calls, dir, name, beneath::join(shown, name), depth));
  return {};
}

}  // namespace

Directory::Directory(Syscalls& calls, File file) : calls_(&calls), file_(std::move(file)) {}

Result<Directory> Directory::open_root(Syscalls& calls, const std::string& absolute_path) {
  if (absolute_path.empty() || absolute_path.front() != '/' ||
      absolute_path.find('\0') != std::string::npos)
    return fail(ErrorCode::kInvalid, "'" + absolute_path + "' is not an absolute path");
  // Links above the root belong to who chose the root; the root itself may not be one.
  ROLLBACK_ASSIGN(const int fd, beneath::open(calls, AT_FDCWD, absolute_path, kReadDirectory,
                                              RESOLVE_NO_MAGICLINKS, absolute_path));
  return Directory(calls, File(calls, fd, absolute_path));
}

Result<Directory> Directory::open_directory(std::string_view path, Crossing crossing) const {
  ROLLBACK_ASSIGN(const std::string relative, beneath::checked(path));
  std::string shown = beneath::join(this->path(), relative);
  const auto resolve = crossing == Crossing::kAllow ? beneath::kStay : beneath::kStayOnMount;
  ROLLBACK_ASSIGN(const int fd,
                  beneath::open(*calls_, this->fd(), relative, kReadDirectory, resolve, shown));
  return Directory(*calls_, File(*calls_, fd, std::move(shown)));
}

Result<File> Directory::open_file(std::string_view path) const {
  ROLLBACK_ASSIGN(File file, open_file_at(*this, path, kReadForeign));
  ROLLBACK_TRY(require_regular(file));
  return file;
}

Result<File> Directory::create_file(std::string_view path, std::uint32_t mode) const {
  return open_file_at(*this, path, O_CREAT | O_EXCL | O_RDWR, mode);
}

Result<File> Directory::open_append(std::string_view path, std::uint32_t mode) const {
  ROLLBACK_ASSIGN(File file,
                  open_file_at(*this, path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK, mode));
  ROLLBACK_TRY(require_regular(file));
  return file;
}

Result<std::optional<FileStat>> Directory::find_stat(std::string_view path) const {
  auto found = stat(path);
  if (found) return *found;
  if (found.error().code == ErrorCode::kNotFound) return std::nullopt;
  return Failure(std::move(found).error());
}

Result<FileStat> Directory::stat(std::string_view path) const {
  ROLLBACK_ASSIGN(const Place place, place_of(*this, path));
  FileStat found;
  const int result = beneath::try_stat(*calls_, place.dir, place.name, found);
  if (result < 0) return fail_errno(-result, "stat " + place.shown());
  return found;
}

Result<Xattrs> Directory::xattrs(std::string_view path) const {
  ROLLBACK_ASSIGN(const FileStat before, stat(path));
  if (before.type != FileType::kRegular && before.type != FileType::kDirectory) return Xattrs{};
  ROLLBACK_ASSIGN(const File file, open_file_at(*this, path, kReadForeign));
  return read_xattrs(*calls_, file.fd(), file.path());
}

Result<std::string> Directory::read_link(std::string_view path) const {
  ROLLBACK_ASSIGN(const Place place, entry_of(*this, path));
  std::array<char, PATH_MAX> target;
  const ssize_t size =
      calls_->readlinkat(place.dir, place.name.c_str(), target.data(), target.size());
  if (size < 0) return fail_errno(static_cast<int>(-size), "read the link " + place.shown());
  return std::string(target.data(), static_cast<std::size_t>(size));
}

Result<std::vector<std::string>> Directory::list(std::string_view path) const {
  ROLLBACK_ASSIGN(const Directory directory, open_directory(path));
  return beneath::names(*calls_, directory.fd(), std::numeric_limits<std::size_t>::max(),
                        directory.path());
}

Status Directory::make_directory(std::string_view path, std::uint32_t mode) const {
  ROLLBACK_ASSIGN(const Place place, entry_of(*this, path));
  const int result = calls_->mkdirat(place.dir, place.name.c_str(), mode);
  if (result < 0) return fail_errno(-result, "make the directory " + place.shown());
  return {};
}

Status Directory::make_directories(std::string_view path) const {
  ROLLBACK_ASSIGN(const std::string relative, beneath::checked(path));
  if (relative == ".") return {};
  for (std::size_t end = 0; end != std::string::npos;) {
    end = relative.find('/', end + 1);
    const auto part = std::string_view(relative).substr(0, end);
    const auto made = make_directory(part, 0700);
    if (!made && made.error().code != ErrorCode::kExists) return made;
  }
  ROLLBACK_ASSIGN(const FileStat last, stat(relative));
  if (last.type == FileType::kDirectory) return {};
  return fail(ErrorCode::kExists, beneath::join(this->path(), relative) + " is no directory");
}

Status Directory::make_symlink(const std::string& target, std::string_view path) const {
  ROLLBACK_ASSIGN(const Place place, entry_of(*this, path));
  if (target.find('\0') != std::string::npos)
    return fail(ErrorCode::kInvalid, "the target of the link " + place.shown() + " holds a NUL");
  const int result = calls_->symlinkat(target.c_str(), place.dir, place.name.c_str());
  if (result < 0) return fail_errno(-result, "make the link " + place.shown());
  return {};
}

Status Directory::remove_file(std::string_view path) const {
  ROLLBACK_ASSIGN(const Place place, entry_of(*this, path));
  const int result = calls_->unlinkat(place.dir, place.name.c_str(), 0);
  if (result < 0) return fail_errno(-result, "remove " + place.shown());
  return {};
}

Status Directory::remove_directory(std::string_view path) const {
  ROLLBACK_ASSIGN(const Place place, entry_of(*this, path));
  const int result = calls_->unlinkat(place.dir, place.name.c_str(), AT_REMOVEDIR);
  if (result < 0) return fail_errno(-result, "remove the directory " + place.shown());
  return {};
}

Status Directory::remove_tree(std::string_view path) const {
  auto place = entry_of(*this, path);
  if (!place && place.error().code == ErrorCode::kNotFound) return {};
  if (!place) return Failure(std::move(place).error());
  return remove_entry(*calls_, place->dir, place->name, place->shown(), kMaxTreeDepth);
}

Status Directory::sync(std::string_view path) const {
  if (path.empty() || path == ".") return file_.sync();
  ROLLBACK_ASSIGN(const Directory directory, open_directory(path));
  return directory.sync();
}

Result<struct statfs> Directory::file_system() const {
  struct statfs found {};
  const int result = beneath::uninterrupted([&] { return calls_->fstatfs(fd(), found); });
  if (result < 0) return fail_errno(-result, "look at the file system of " + path());
  return found;
}

Result<struct statvfs> Directory::space() const {
  struct statvfs found {};
  const int result = beneath::uninterrupted([&] { return calls_->fstatvfs(fd(), found); });
  if (result < 0) return fail_errno(-result, "look at the free space of " + path());
  return found;
}

void Directory::place_directories_apart() const {
  long flags = 0;
  if (calls_->ioctl_flags(fd(), flags) >= 0 && (flags & FS_TOPDIR_FL) == 0)
    (void)calls_->ioctl_set_flags(fd(), flags | FS_TOPDIR_FL);
}

Status Directory::set_meta(std::string_view path, const FileMeta& meta) const {
  ROLLBACK_ASSIGN(const File handle, open_file_at(*this, path, O_PATH));
  ROLLBACK_ASSIGN(const FileStat seen, handle.stat());
  if (seen.type == FileType::kSymlink) {
    const int result = calls_->fchownat(handle.fd(), "", meta.uid, meta.gid, AT_EMPTY_PATH);
    if (result < 0) return fail_errno(-result, "change the owner of " + handle.path());
    return apply_mtime(*calls_, handle.fd(), meta.mtime_ns, handle.path());
  }
  if (seen.type == FileType::kOther)
    return fail(ErrorCode::kUnsupported, handle.path() + " is no file, directory or link");
  // Mode and attributes need a real descriptor; it must be of what was seen.
  ROLLBACK_ASSIGN(const File file, open_file_at(*this, path, kReadForeign));
  ROLLBACK_ASSIGN(const FileStat opened, file.stat());
  if (opened.ino != seen.ino || opened.dev != seen.dev)
    return fail(ErrorCode::kBusy, file.path() + " was replaced meanwhile; try again");
  return apply_meta(*calls_, file.fd(), meta, file.path());
}

Result<ParentOf> open_parent(const Directory& root, std::string_view path, Crossing crossing) {
  ROLLBACK_ASSIGN(const std::string relative, beneath::checked(path));
  if (relative == ".")
    return fail(ErrorCode::kInvalid, "a path below " + root.path() + " is needed, not itself");
  const auto slash = relative.rfind('/');
  const bool direct = slash == std::string::npos;
  ROLLBACK_ASSIGN(Directory parent,
                  root.open_directory(direct ? "" : relative.substr(0, slash), crossing));
  return ParentOf{std::move(parent), direct ? relative : relative.substr(slash + 1)};
}

}  // namespace rollback
