// SPDX-License-Identifier: Apache-2.0
// A file system that is full to its last block. Full is: not one byte more.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "core/descriptor.h"

namespace rollback {

// All room of the file system of `directory` but `left` bytes, which are whole pages.
inline void fill_disk(const std::filesystem::path& directory, off_t left = 0) {
  const Descriptor file(
      ::open((directory / "filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  off_t at = 0;
  for (off_t piece = 16 << 20; piece >= 4096; piece /= 2)
    while (::fallocate(file.get(), 0, at, piece) == 0) at += piece;
  if (::ftruncate(file.get(), at - left) != 0)
    throw std::runtime_error("cannot fill " + directory.string());
}

inline void make_room(const std::filesystem::path& directory) {
  std::filesystem::remove(directory / "filler");
}

}  // namespace rollback
