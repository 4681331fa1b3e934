// SPDX-License-Identifier: Apache-2.0
#include "tests/power/loop_device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace rollback {

namespace {

constexpr int kTries = 64;  // others take loop devices too

std::runtime_error failed(const std::string& what) {
  return std::runtime_error("cannot " + what + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(const char* path) : fd_(::open(path, O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0) throw failed("open " + std::string(path));
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  int release() noexcept {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

}  // namespace

LoopDevice::LoopDevice(const std::string& file) {
  const Descriptor control("/dev/loop-control");
  const Descriptor backing(file.c_str());
  for (int tries = 0; tries < kTries; ++tries) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) throw failed("get a free loop device");
    path_ = "/dev/loop" + std::to_string(number);
    Descriptor device(path_.c_str());
    loop_config config{};
    config.fd = static_cast<__u32>(backing.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) {
      fd_ = device.release();
      return;
    }
    if (errno != EBUSY) throw failed("put " + path_ + " over " + file);
  }
  throw std::runtime_error("others took every free loop device");
}

LoopDevice::~LoopDevice() { ::close(fd_); }

void LoopDevice::invalidate() const {
  if (::ioctl(fd_, BLKFLSBUF) != 0) throw failed("forget what was read of " + path_);
}

}  // namespace rollback
