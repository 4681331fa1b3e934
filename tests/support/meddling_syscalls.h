// SPDX-License-Identifier: Apache-2.0
// Somebody else does something at the last moment before a name is renamed.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "tests/support/passing_syscalls.h"

namespace rollback {

class MeddlingSyscalls final : public PassingSyscalls {
 public:
  // Once, at the first rename from or to an entry of this name.
  MeddlingSyscalls(Syscalls& below, std::string name, std::function<void()> meddle)
      : PassingSyscalls(below), name_(std::move(name)), meddle_(std::move(meddle)) {}

  int renameat2(int from_dir, const char* from, int to_dir, const char* to,
                unsigned flags) override {
    if (meddle_ && (name_ == from || name_ == to)) std::exchange(meddle_, {})();
    return below_.renameat2(from_dir, from, to_dir, to, flags);
  }

 private:
  const std::string name_;
  std::function<void()> meddle_;
};

}  // namespace rollback
