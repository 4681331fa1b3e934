// SPDX-License-Identifier: Apache-2.0
// A program started in two steps: the process is there and can be put into a scope before it
// becomes the program. It shares our session, terminal and standard streams. While an object lives,
// the signals that would end us wait for wait(), which passes on those that were meant for us
// alone: what a terminal sends, it sends to the program too. One at a time.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/result.h"

namespace rollback {

class HeldCommand {
 public:
  // kNotFound: no such program on PATH; nothing was started.
  static Result<HeldCommand> start(const std::vector<std::string>& argv);
  HeldCommand(HeldCommand&& other) noexcept;
  HeldCommand& operator=(HeldCommand&&) = delete;
  ~HeldCommand();  // one that was not told to go ends without having done anything

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // It becomes the program. kIo: it could not; wait() gives 127 then.
  Status go();
  // Its exit code; 128 + N when signal N ended it.
  int wait();

 private:
  HeldCommand() = default;
  int reap(int flags);

  pid_t pid_ = -1;
  int exit_code_ = 0;
  sigset_t before_{};  // signals that were blocked before
  Descriptor gate_;    // a byte lets it go
  Descriptor error_;   // errno of a program that could not be executed
};

}  // namespace rollback
