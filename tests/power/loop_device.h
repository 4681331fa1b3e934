// SPDX-License-Identifier: Apache-2.0
// A free loop device over a file. The kernel frees it when the last descriptor is closed, however
// its owner ended.
#pragma once

#include <string>

namespace rollback {

class LoopDevice {
 public:
  explicit LoopDevice(const std::string& file);
  ~LoopDevice();
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Forgets what was read, because the file has changed under it.
  void invalidate() const;

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace rollback
