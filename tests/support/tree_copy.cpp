// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tree_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace rollback {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 4096;

void check(bool done, const fs::path& path) {
  if (!done) throw std::runtime_error("cannot copy " + path.string());
}

class Copy {
 public:
  void directory(const fs::path& from, const fs::path& to) {
    for (const auto& entry : fs::directory_iterator(from))
      node(entry.path(), to / entry.path().filename());
    dress(from, to);
  }

 private:
  void node(const fs::path& from, const fs::path& to) {
    struct stat stat {};
    check(::lstat(from.c_str(), &stat) == 0, from);
    if (S_ISDIR(stat.st_mode)) {
      check(::mkdir(to.c_str(), 0700) == 0, to);
      return directory(from, to);
    }
    if (S_ISLNK(stat.st_mode)) {
      fs::create_symlink(fs::read_symlink(from), to);
      return dress(from, to);
    }
    const auto [first, is_new] = files_.try_emplace({stat.st_dev, stat.st_ino}, to);
    if (!is_new) return fs::create_hard_link(first->second, to);
    content(from, to, stat);
    dress(from, to);
  }

  static void content(const fs::path& from, const fs::path& to, const struct stat& stat) {
    std::ifstream in(from, std::ios::binary);
    const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    check(in && out >= 0, from);
    std::string block(kBlock, '\0');
    for (off_t at = 0; at < stat.st_size; at += static_cast<off_t>(kBlock)) {
      in.read(block.data(), kBlock);
      const auto got = static_cast<std::size_t>(in.gcount());
      const bool hole = stat.st_blocks * 512 < stat.st_size && block.find_first_not_of('\0') >= got;
      if (!hole) check(::pwrite(out, block.data(), got, at) == static_cast<ssize_t>(got), to);
    }
    check(::ftruncate(out, stat.st_size) == 0 && ::close(out) == 0, to);
  }

  static void dress(const fs::path& from, const fs::path& to) {
    struct stat stat {};
    check(::lstat(from.c_str(), &stat) == 0, from);
    check(::lchown(to.c_str(), stat.st_uid, stat.st_gid) == 0, to);
    if (!S_ISLNK(stat.st_mode)) check(::chmod(to.c_str(), stat.st_mode & 07777U) == 0, to);
    std::string names(4096, '\0');
    const auto size = ::llistxattr(from.c_str(), names.data(), names.size());
    names.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    for (std::size_t at = 0; at < names.size(); at += std::string(names.c_str() + at).size() + 1) {
      std::string value(4096, '\0');
      const auto got = ::lgetxattr(from.c_str(), names.c_str() + at, value.data(), value.size());
      check(got >= 0 && ::lsetxattr(to.c_str(), names.c_str() + at, value.data(),
                                    static_cast<std::size_t>(got), 0) == 0,
            to);
    }
    const timespec times[2] = {stat.st_atim, stat.st_mtim};
    check(::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, to);
  }

  std::map<std::pair<dev_t, ino_t>, fs::path> files_;
};

}  // namespace

void copy_tree(const fs::path& from, const fs::path& to) { Copy().directory(from, to); }

void empty_tree(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) fs::remove_all(entry.path());
}

}  // namespace rollback
