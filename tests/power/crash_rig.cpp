// SPDX-License-Identifier: Apache-2.0
#include "tests/power/crash_rig.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "core/process.h"

namespace rollback {

namespace {

// Exists everywhere; what is mounted over it here, nobody else sees.
constexpr const char* kRoom = "/mnt";

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error("cannot " + what + ": " + std::strerror(errno));
}

void enter_room() {
  if (::unshare(CLONE_NEWNS) != 0) give_up("have mounts of one's own (the tests need root)");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    give_up("make the mounts private");
  if (::mount("tmpfs", kRoom, "tmpfs", 0, "size=2g") != 0) give_up("mount a tmpfs");
}

std::vector<FileSystem> make_table() {
  constexpr std::uint64_t kMiB = 1U << 20U;
  // Blocks of 4 KiB as a host's disk has, and nothing that is written later by a thread of its own.
  const std::vector<std::string> ext4 = {"/sbin/mkfs.ext4",
                                         "-q",
                                         "-F",
                                         "-b",
                                         "4096",
                                         "-J",
                                         "size=4",
                                         "-E",
                                         "lazy_itable_init=0,lazy_journal_init=0"};
  return {{"ext4", "ext4", 32 * kMiB, ext4, ""},
          {"ext4-noauto", "ext4", 32 * kMiB, ext4, "noauto_da_alloc"},
          {"xfs", "xfs", 300 * kMiB, {"/sbin/mkfs.xfs", "-q", "-f"}, ""},
          {"btrfs", "btrfs", 128 * kMiB, {"/sbin/mkfs.btrfs", "-q", "-f"}, ""}};
}

}  // namespace

const std::vector<FileSystem>& every_file_system() {
  static const auto all = make_table();
  return all;
}

const FileSystem& file_system(const std::string& name) {
  for (const auto& kind : every_file_system())
    if (kind.name == name) return kind;
  throw std::runtime_error("no file system " + name);
}

CrashRig::CrashRig(const FileSystem& kind)
    : kind_(kind), top_(std::filesystem::path(kRoom) / "top") {
  enter_room();
  std::filesystem::create_directory(top_);
  const auto room = std::filesystem::path(kRoom);
  const auto image = (room / "image").string();
  const auto served = (room / "disk").string();
  disk_ = std::make_unique<RecordedDisk>(image, kind.size);
  make_file_system(image);
  std::ofstream(served).close();
  file_ = std::make_unique<FuseFile>(*disk_, served);
  device_ = std::make_unique<LoopDevice>(served);
}

CrashRig::~CrashRig() {
  if (mounted_) ::umount2(top_.c_str(), MNT_DETACH);  // a test that left it so has failed already
  device_.reset();
  file_.reset();
  ::umount2(kRoom, MNT_DETACH);
}

void CrashRig::make_file_system(const std::string& image) const {
  ProcessRequest request;
  request.argv = kind_.make;
  request.argv.push_back(image);
  request.deadline = std::chrono::seconds(30);
  const auto made = run_process(request);
  if (!made) throw std::runtime_error(made.error().message);
  if (made->exit_code != 0) throw std::runtime_error(kind_.make.front() + ": " + made->output);
}

bool CrashRig::mount() {
  device_->invalidate();
  mounted_ = ::mount(device_->path().c_str(), top_.c_str(), kind_.type.c_str(), 0,
                     kind_.options.c_str()) == 0;
  return mounted_;
}

void CrashRig::unmount() {
  if (::umount2(top_.c_str(), 0) != 0) give_up("unmount " + top_.string());
  mounted_ = false;
}

}  // namespace rollback
