// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace rollback {

std::optional<int> end_of_child(const std::function<int()>& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) {
    int code = 1;
    try {
      code = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    ::_exit(code);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return std::nullopt;
  if (WIFEXITED(status) && WEXITSTATUS(status) != 1) return WEXITSTATUS(status);
  throw std::runtime_error("the child ended with status " + std::to_string(status));
}

bool was_killed(const std::function<void()>& body) {
  return !end_of_child([&] {
    body();
    return 0;
  });
}

}  // namespace rollback
