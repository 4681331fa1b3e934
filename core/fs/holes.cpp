// SPDX-License-Identifier: Apache-2.0
#include "core/fs/holes.h"

#include <algorithm>
#include <cstring>

namespace rollback {

namespace {

// Every byte equals the one after it, and the first is zero.
bool is_zeros(std::string_view bytes) {
  return bytes.front() == '\0' &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

bool has_holes(const FileStat& stat) noexcept {
  // Less than a block may lie in the inode itself.
  return stat.size >= HoleWriter::kBlock && stat.allocated < stat.size;
}

Status HoleWriter::add(std::string_view piece) {
  while (!piece.empty()) {
    // Blocks of one sort together: as far as they go is one write, or none.
    std::size_t run = 0;
    bool zeros = false;
    while (run < piece.size()) {
      const auto block = piece.substr(run, kBlock - (at_ + run) % kBlock);
      if (run == 0) zeros = is_zeros(block);
      if (is_zeros(block) != zeros) break;
      run += block.size();
    }
    if (!zeros) {
      ROLLBACK_TRY(file_.write_at(piece.substr(0, run), at_));
      written_ = at_ + run;
    }
    at_ += run;
    piece.remove_prefix(run);
  }
  return {};
}

Status HoleWriter::finish() {
  if (written_ == at_) return {};
  return file_.resize(at_);
}

}  // namespace rollback
