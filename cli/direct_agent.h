// SPDX-License-Identifier: Apache-2.0
// An agent of our own for one command (--direct): for a host whose agent does not run. It is the
// same program with the same store and journal, on a socket that only root can open, without a
// coordinator. It ends when nobody asks it any more and no run is at work, also when we are gone.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/descriptor.h"
#include "core/result.h"

namespace rollback {

class DirectAgent {
 public:
  // Waits until it answers. kIo: it ended before; the error has its last words.
  static Result<DirectAgent> start(const std::string& program);
  DirectAgent(DirectAgent&& other) noexcept;
  DirectAgent& operator=(DirectAgent&&) = delete;
  ~DirectAgent();  // waits for its end

  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }
  // What was begun goes on without us.
  void leave() noexcept { pid_ = -1; }

 private:
  DirectAgent(pid_t pid, std::string socket, Descriptor words)
      : pid_(pid), socket_(std::move(socket)), words_(std::move(words)) {}
  [[nodiscard]] bool has_ended();
  [[nodiscard]] std::string last_words() const;

  pid_t pid_ = -1;
  std::string socket_;
  Descriptor words_;  // what it logs
};

}  // namespace rollback
