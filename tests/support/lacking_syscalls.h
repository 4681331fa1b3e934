// SPDX-License-Identifier: Apache-2.0
// A file system that lacks what others have, and says so as the kernel does for it.
#pragma once

#include <stdio.h>

#include <cerrno>

#include "tests/support/passing_syscalls.h"

namespace rollback {

struct Lacking {
  unsigned rename_flags = 0;  // RENAME_EXCHANGE, RENAME_NOREPLACE
  bool links = false;
};

class LackingSyscalls final : public PassingSyscalls {
 public:
  LackingSyscalls(Syscalls& below, Lacking what) : PassingSyscalls(below), what_(what) {}

  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override {
    if ((flags & what_.rename_flags) != 0) return -EINVAL;
    return below_.renameat2(from_dir, from, to_dir, to, flags);
  }
  int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) override {
    return what_.links ? -EPERM : below_.linkat(from_dir, from, to_dir, to, flags);
  }

 private:
  const Lacking what_;
};

}  // namespace rollback
