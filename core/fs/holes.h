// SPDX-License-Identifier: Apache-2.0
// Files with holes: blocks that are read as zeros and take no room on the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/fs/directory.h"

namespace rollback {

// It takes less room than it has bytes. Where that has another reason (a file system that
// compresses), its zeros need no room either.
bool has_holes(const FileStat& stat) noexcept;

// Writes a content, given in order and in pieces, to an empty file, and leaves out its blocks of
// zeros. Belongs to one thread.
class HoleWriter {
 public:
  static constexpr std::size_t kBlock = 4096;  // the usual one; a smaller hole would save nothing

  explicit HoleWriter(const File& file) : file_(file) {}
  Status add(std::string_view piece);
  Status finish();  // once, at the end: a hole there is nothing but a size

 private:
  const File& file_;
  std::uint64_t at_ = 0;       // where the next byte belongs
  std::uint64_t written_ = 0;  // the file ends here
};

}  // namespace rollback
