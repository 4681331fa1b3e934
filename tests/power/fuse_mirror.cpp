// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 312

#include "tests/power/fuse_mirror.h"

#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace rollback {

namespace {

struct Mirrored {
  std::string source;
  unsigned known = 0;
};

const Mirrored& mirrored() {
  return *static_cast<const Mirrored*>(fuse_get_context()->private_data);
}
std::string at(const char* path) { return mirrored().source + path; }

// What a call of the C library answers, as FUSE wants it.
template <typename Number>
int answer(Number result) {
  return result < 0 ? -errno : static_cast<int>(result);
}

int keep_handle(int fd, fuse_file_info* info) {
  if (fd < 0) return -errno;
  info->fh = static_cast<std::uint64_t>(fd);
  return 0;
}
int handle(const fuse_file_info* info) { return static_cast<int>(info->fh); }

void* begin(fuse_conn_info*, fuse_config* config) {
  config->use_ino = 1;
  config->hard_remove = 1;
  config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

int list(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*,
         fuse_readdir_flags) {
  DIR* directory = ::opendir(at(path).c_str());
  if (directory == nullptr) return -errno;
  while (const dirent* entry = ::readdir(directory))
    if (fill(buffer, entry->d_name, nullptr, 0, fuse_fill_dir_flags{}) != 0) break;
  ::closedir(directory);
  return 0;
}

int read_link(const char* path, char* target, std::size_t size) {
  const auto got = ::readlink(at(path).c_str(), target, size - 1);
  if (got < 0) return -errno;
  target[got] = '\0';
  return 0;
}

int rename_entry(const char* from, const char* to, unsigned flags) {
  if ((flags & ~mirrored().known) != 0) return -ENOSYS;
  return answer(::renameat2(AT_FDCWD, at(from).c_str(), AT_FDCWD, at(to).c_str(), flags));
}

int sync_directory(const char* path, int, fuse_file_info*) {
  const int fd = ::open(at(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  const int synced = answer(::fsync(fd));
  ::close(fd);
  return synced;
}

void add_names(fuse_operations& all) {
  all.getattr = [](const char* path, struct stat* stat, fuse_file_info*) {
    return answer(::lstat(at(path).c_str(), stat));
  };
  all.readlink = read_link;
  all.readdir = list;
  all.rename = rename_entry;
  all.mkdir = [](const char* path, mode_t mode) { return answer(::mkdir(at(path).c_str(), mode)); };
  all.unlink = [](const char* path) { return answer(::unlink(at(path).c_str())); };
  all.rmdir = [](const char* path) { return answer(::rmdir(at(path).c_str())); };
  all.symlink = [](const char* target, const char* path) {
    return answer(::symlink(target, at(path).c_str()));
  };
  all.link = [](const char* from, const char* to) {
    return answer(::link(at(from).c_str(), at(to).c_str()));
  };
  all.statfs = [](const char* path, struct statvfs* stat) {
    return answer(::statvfs(at(path).c_str(), stat));
  };
  all.fsyncdir = sync_directory;
}

void add_metadata(fuse_operations& all) {
  all.chmod = [](const char* path, mode_t mode, fuse_file_info*) {
    return answer(::chmod(at(path).c_str(), mode));
  };
  all.chown = [](const char* path, uid_t uid, gid_t gid, fuse_file_info*) {
    return answer(::lchown(at(path).c_str(), uid, gid));
  };
  all.utimens = [](const char* path, const timespec times[2], fuse_file_info*) {
    return answer(::utimensat(AT_FDCWD, at(path).c_str(), times, AT_SYMLINK_NOFOLLOW));
  };
  all.truncate = [](const char* path, off_t size, fuse_file_info*) {
    return answer(::truncate(at(path).c_str(), size));
  };
  all.setxattr = [](const char* path, const char* name, const char* value, std::size_t size,
                    int flags) {
    return answer(::lsetxattr(at(path).c_str(), name, value, size, flags));
  };
  all.getxattr = [](const char* path, const char* name, char* value, std::size_t size) {
    return answer(::lgetxattr(at(path).c_str(), name, value, size));
  };
  all.listxattr = [](const char* path, char* names, std::size_t size) {
    return answer(::llistxattr(at(path).c_str(), names, size));
  };
  all.removexattr = [](const char* path, const char* name) {
    return answer(::lremovexattr(at(path).c_str(), name));
  };
}

void add_content(fuse_operations& all) {
  all.open = [](const char* path, fuse_file_info* info) {
    return keep_handle(::open(at(path).c_str(), info->flags | O_CLOEXEC), info);
  };
  all.create = [](const char* path, mode_t mode, fuse_file_info* info) {
    return keep_handle(::open(at(path).c_str(), info->flags | O_CREAT | O_CLOEXEC, mode), info);
  };
  all.read = [](const char*, char* bytes, std::size_t size, off_t offset, fuse_file_info* info) {
    return answer(::pread(handle(info), bytes, size, offset));
  };
  all.write = [](const char*, const char* bytes, std::size_t size, off_t offset,
                 fuse_file_info* info) {
    return answer(::pwrite(handle(info), bytes, size, offset));
  };
  all.fsync = [](const char*, int, fuse_file_info* info) { return answer(::fsync(handle(info))); };
  all.release = [](const char*, fuse_file_info* info) { return answer(::close(handle(info))); };
}

// Returns when it is unmounted.
int serve(Mirrored what, const std::string& where, int ready) {
  ::umask(0);  // the kernel has applied that of who asks
  fuse_operations all{};
  all.init = begin;
  add_names(all);
  add_metadata(all);
  add_content(all);
  std::array<char, 12> name{"fuse-mirror"};
  std::array<char*, 1> argv{name.data()};
  fuse_args args = FUSE_ARGS_INIT(1, argv.data());
  fuse* made = fuse_new(&args, &all, sizeof(all), &what);
  if (made == nullptr || fuse_mount(made, where.c_str()) != 0) return 1;
  if (fuse_set_signal_handlers(fuse_get_session(made)) != 0) return 1;
  if (!FuseServer::say_mounted(ready)) return 1;
  const int ended = fuse_loop(made);
  fuse_unmount(made);
  return ended == 0 ? 0 : 1;
}

}  // namespace

FuseMirror::FuseMirror(const std::string& source, const std::string& where, unsigned known)
    : server_(where, SIGTERM, [&](int ready) {
        return serve({source, known}, where, ready);
      }) {}

}  // namespace rollback
