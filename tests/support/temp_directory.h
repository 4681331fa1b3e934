// SPDX-License-Identifier: Apache-2.0
// A directory of one test, under the system's temporary directory; removed with all it holds.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/fs/directory.h"

namespace rollback {

class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // The same as the engine sees it; aborts the test program when it cannot be opened.
  [[nodiscard]] Directory open(Syscalls& calls) const;
  // Arranging a test; parents are made, failures throw.
  void write(std::string_view path, std::string_view content) const;
  [[nodiscard]] std::string read(std::string_view path) const;

 private:
  std::filesystem::path path_;
};

}  // namespace rollback
