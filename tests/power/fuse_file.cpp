// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 312

#include "tests/power/fuse_file.h"

#include <fuse_lowlevel.h>
#include <linux/falloc.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace rollback {

namespace {

RecordedDisk& disk_of(fuse_req_t request) {
  return *static_cast<RecordedDisk*>(fuse_req_userdata(request));
}

void get_attributes(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  struct stat stat {};
  stat.st_ino = inode;
  stat.st_mode = S_IFREG | 0600;
  stat.st_nlink = 1;
  stat.st_size = static_cast<off_t>(disk_of(request).size());
  fuse_reply_attr(request, &stat, 1.0);
}

void open_file(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  info->direct_io = 1;  // no pages of it stay behind when the disk becomes another
  fuse_reply_open(request, info);
}

void read_bytes(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info*) {
  const auto bytes = disk_of(request).read(static_cast<std::uint64_t>(offset), size);
  fuse_reply_buf(request, bytes.data(), bytes.size());
}

void write_bytes(fuse_req_t request, fuse_ino_t, const char* bytes, std::size_t size, off_t offset,
                 fuse_file_info*) {
  const bool written = disk_of(request).write(static_cast<std::uint64_t>(offset), {bytes, size});
  if (written)
    fuse_reply_write(request, size);
  else
    fuse_reply_err(request, EIO);
}

void sync_file(fuse_req_t request, fuse_ino_t, int, fuse_file_info*) {
  disk_of(request).flush();
  fuse_reply_err(request, 0);
}

void close_file(fuse_req_t request, fuse_ino_t, fuse_file_info*) { fuse_reply_err(request, 0); }

// A discard, or an order to write zeroes.
void allocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t size, fuse_file_info*) {
  if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0)
    return void(fuse_reply_err(request, EOPNOTSUPP));
  const bool done =
      disk_of(request).zero(static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(size));
  fuse_reply_err(request, done ? 0 : EIO);
}

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops all{};
  all.getattr = get_attributes;
  all.open = open_file;
  all.read = read_bytes;
  all.write = write_bytes;
  all.fsync = sync_file;
  all.flush = close_file;
  all.release = close_file;
  all.fallocate = allocate;
  return all;
}

// Returns when the file is unmounted.
int serve(RecordedDisk& disk, const std::string& path, int ready) {
  std::array<char, 16> name{"power-loss"};
  std::array<char*, 1> argv{name.data()};
  fuse_args args = FUSE_ARGS_INIT(1, argv.data());
  const auto all = operations();
  fuse_session* session = fuse_session_new(&args, &all, sizeof(all), &disk);
  if (session == nullptr || fuse_session_mount(session, path.c_str()) != 0) return 1;
  // Its owner's mounts end with its owner, which needs this server for them. Were the server in
  // that namespace too, it could be the one that ends it, and would wait for itself in the kernel.
  if (::unshare(CLONE_NEWNS) != 0 || ::umount2(path.c_str(), MNT_DETACH) != 0) return 1;
  if (!FuseServer::say_mounted(ready)) return 1;
  return fuse_session_loop(session) == 0 ? 0 : 1;
}

// What the kernel of this machine may lack.
const std::string& require_fuse(const std::string& path) {
  if (::access("/dev/fuse", R_OK | W_OK) != 0)
    throw std::runtime_error("there is no /dev/fuse here: crash states need FUSE in the kernel");
  return path;
}

}  // namespace

FuseFile::FuseFile(RecordedDisk& disk, const std::string& path)
    : server_(require_fuse(path), SIGKILL, [&](int ready) { return serve(disk, path, ready); }) {}

}  // namespace rollback
