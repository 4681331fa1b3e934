// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/apply/gardener.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace rollback {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostNodes = 24;

const std::vector<std::string> kNames = {
    "a",         "b",   "c",       "d",        "e",
    "suid",      "-rf", " ",       ".hidden",  "new\nline",
    "\xff\xc3(", "*",   "\x1b[2J", "\xc3\xbc", std::string(255, 'n')};

void put_number(std::string& bytes, std::uint64_t number, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i < 8 ? number >> (8 * i) : 0));
}

// As the kernel takes it: version 2, then tag, permissions and id of each entry.
std::string acl(std::array<std::uint64_t, 5> permissions) {
  constexpr std::uint64_t kNobody = 0xffffffff;
  const std::array<std::pair<std::uint64_t, std::uint64_t>, 5> entries = {
      {{0x01, kNobody}, {0x02, 1000}, {0x04, kNobody}, {0x10, kNobody}, {0x20, kNobody}}};
  std::string bytes;
  put_number(bytes, 2, 4);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    put_number(bytes, entries[i].first, 2);
    put_number(bytes, permissions[i], 2);
    put_number(bytes, entries[i].second, 4);
  }
  return bytes;
}

std::string capability() {
  std::string bytes;
  put_number(bytes, 0x02000001, 4);  // revision 2, effective
  put_number(bytes, 1 << 10, 4);     // CAP_NET_BIND_SERVICE
  put_number(bytes, 0, 12);
  return bytes;
}

bool has_mode(const std::string& path, mode_t bits) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 && (stat.st_mode & bits) != 0;
}

bool is_privileged(const std::string& path) {
  return fs::is_regular_file(fs::symlink_status(path)) &&
         (has_mode(path, S_ISUID | S_ISGID) ||
          ::lgetxattr(path.c_str(), "security.capability", nullptr, 0) > 0);
}

std::size_t names_of(const std::string& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_nlink : 0;
}

}  // namespace

Gardener::Gardener(std::string root, std::vector<std::string> tops,
                   std::vector<std::string> privileged, SeededRandom& random)
    : root_(std::move(root)),
      tops_(std::move(tops)),
      privileged_(std::move(privileged)),
      random_(random) {}

std::vector<std::string> Gardener::all(bool directories_only) const {
  std::vector<std::string> found;
  const auto take = [&](const fs::path& path) {
    const auto type = fs::symlink_status(path).type();
    if (type == fs::file_type::not_found) return false;
    if (!directories_only || type == fs::file_type::directory) found.push_back(path.string());
    return type == fs::file_type::directory;
  };
  for (const auto& top : tops_) {
    if (!take(root_ + top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root_ + top)) take(entry.path());
  }
  std::sort(found.begin(), found.end());  // the order of a directory is no seed
  return found;
}

std::string Gardener::pick(const std::vector<std::string>& from) {
  return from.empty() ? root_ + tops_.front() : from[random_.below(from.size())];
}

std::string Gardener::place() {
  const auto directories = all(true);
  if (directories.empty()) return root_ + pick(tops_);
  return pick(directories) + "/" + kNames[random_.below(kNames.size())];
}

void Gardener::clear() {
  for (const auto& top : tops_) fs::remove_all(root_ + top);
}

void Gardener::grow() {
  clear();
  for (const auto& top : tops_)
    if (!once_in(20)) fs::create_directory(root_ + top);
  for (auto nodes = random_.below(kMostNodes); nodes > 0; --nodes) make(place());
  auto paths = all(false);
  std::reverse(paths.begin(), paths.end());  // a directory's time comes after its entries
  for (const auto& path : paths) dress(path);
}

void Gardener::change() {
  if (once_in(8)) return clear();
  if (once_in(8)) return grow();
  for (auto changes = random_.below(7); changes > 0; --changes) change_once();
}

void Gardener::change_once() {
  const auto path = pick(all(false));
  std::error_code ignored;  // what cannot be done is not done
  switch (random_.below(8)) {
    case 0:
      fs::remove_all(path, ignored);
      break;
    case 1:
      make(place());
      break;
    case 2:
      dress(path);
      break;
    case 3:
      if (fs::is_regular_file(fs::symlink_status(path))) write(path);
      break;
    case 4:
      fs::remove_all(path, ignored);
      make(path);
      break;
    case 5:
      if (const auto to = place(); !is_top(path) && !is_privileged(path))
        fs::rename(path, to, ignored);
      break;
    case 6:
      touch(path);
      break;
    default:
      if (const auto to = place(); !is_privileged(path) && !fs::is_directory(path))
        (void)::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), 0);
  }
}

void Gardener::write(const std::string& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (once_in(5)) {  // with a hole in its middle, at its end, or nothing but one
    if (once_in(2)) file << "begin";
    if (once_in(2)) file.seekp(static_cast<std::streamoff>(random_.below(40'000))) << "end";
    file.close();
    return fs::resize_file(path, random_.below(60'000));
  }
  file << std::string(random_.below(4) == 0 ? random_.below(20'000) : random_.below(30),
                      static_cast<char>('a' + random_.below(3)));
}

void Gardener::make(const std::string& path) {
  struct stat stat {};
  if (::lstat(path.c_str(), &stat) == 0 || !fs::is_directory(fs::path(path).parent_path())) return;
  switch (random_.below(is_top(path) ? 12 : 13)) {  // a managed path itself is nothing special
    case 0:
    case 1:
    case 2:
    case 3:
      fs::create_directory(path);
      break;
    case 4:
    case 5:
      fs::create_symlink(once_in(2) ? "/nowhere/at all" : "../" + kNames[random_.below(5)], path);
      break;
    case 6:
    case 7:
      if (const auto from = pick(all(false)); !is_privileged(from) && !fs::is_directory(from)) {
        (void)::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), 0);
        break;
      }
      [[fallthrough]];
    case 8:
    case 9:
    case 10:
    case 11:
      write(path);
      break;
    default: {
      constexpr std::array<mode_t, 3> kSpecial = {S_IFIFO, S_IFSOCK, S_IFCHR};
      (void)::mknod(path.c_str(), kSpecial[random_.below(3)] | 0600, makedev(1, 3));
    }
  }
}

bool Gardener::is_top(const std::string& path) const {
  return std::find(tops_.begin(), tops_.end(), path.substr(root_.size())) != tops_.end();
}

bool Gardener::may_be_privileged(const std::string& path) const {
  return std::find(privileged_.begin(), privileged_.end(), path.substr(root_.size())) !=
             privileged_.end() &&
         names_of(path) == 1;
}

void Gardener::dress(const std::string& path) {
  constexpr std::array<uid_t, 4> kOwners = {0, 1000, 1001, 65534};
  if (once_in(3))
    (void)::lchown(path.c_str(), kOwners[random_.below(4)], kOwners[random_.below(4)]);
  const auto type = fs::symlink_status(path).type();
  const bool directory = type == fs::file_type::directory;
  if (directory || type == fs::file_type::regular) {
    if (once_in(2)) dress_mode(path, directory);
    if (once_in(3)) dress_attributes(path, directory);
  }
  if (!once_in(4)) touch(path);
}

void Gardener::dress_mode(const std::string& path, bool directory) {
  const auto mode = static_cast<mode_t>(random_.below(010000));
  const bool any = directory || may_be_privileged(path);
  (void)::chmod(path.c_str(), any ? mode : mode & ~(S_ISUID | S_ISGID));
}

void Gardener::dress_attributes(const std::string& path, bool directory) {
  const auto set = [&](const char* name, const std::string& value) {
    (void)::lsetxattr(path.c_str(), name, value.data(), value.size(), 0);
  };
  const auto bits = [&] { return random_.below(8); };
  for (const auto* name : {"user.note", "system.posix_acl_access", "system.posix_acl_default"})
    if (once_in(3)) (void)::lremovexattr(path.c_str(), name);
  if (once_in(2)) set("user.note", std::string(random_.below(20), '\0'));
  if (once_in(4)) set("trusted.rollback", "x");
  if (once_in(3)) set("system.posix_acl_access", acl({bits(), bits(), bits(), bits(), bits()}));
  if (directory && once_in(3))
    set("system.posix_acl_default", acl({bits(), bits(), bits(), bits(), bits()}));
  if (!directory && once_in(2) && may_be_privileged(path)) set("security.capability", capability());
}

void Gardener::touch(const std::string& path) {
  timespec when{};
  when.tv_sec = static_cast<time_t>(random_.below(4'000'000'000)) - 1'000'000'000;
  when.tv_nsec = static_cast<long>(random_.below(1'000'000'000));
  const timespec times[2] = {when, when};
  (void)::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

}  // namespace rollback
