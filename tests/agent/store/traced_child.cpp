// SPDX-License-Identifier: Apache-2.0
#include "tests/agent/store/traced_child.h"

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace rollback {
namespace {

[[noreturn]] void be_traced(const std::function<void()>& arrange,
                            const std::function<void()>& act) {
  try {
    arrange();
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
    (void)::raise(SIGSTOP);
    act();
    (void)::raise(SIGSTOP);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "in the child: %s\n", error.what());
  }
  ::_exit(1);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0)
    if (errno != EINTR) throw std::runtime_error("waitpid failed");
  return status;
}

void end(pid_t pid) {
  (void)::kill(pid, SIGKILL);
  for (int status = wait_for(pid); !WIFSIGNALED(status) && !WIFEXITED(status);)
    status = wait_for(pid);
}

// To the next stop of the child; its signals are passed on.
int advance(pid_t pid) {
  if (::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr) != 0)
    throw std::runtime_error("ptrace failed");
  return wait_for(pid);
}

}  // namespace

Trace run_and_kill(const std::function<void()>& arrange, const std::function<void()>& act,
                   std::size_t kill_before) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) be_traced(arrange, act);
  int status = wait_for(pid);
  if (!WIFSTOPPED(status))
    throw std::runtime_error("the child ended early: " + std::to_string(status));
  constexpr int kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  if (::ptrace(PTRACE_SETOPTIONS, pid, nullptr, kOptions) != 0) {
    end(pid);
    throw std::runtime_error("ptrace is not allowed here");
  }
  Trace trace;
  for (bool entering = true; WIFSTOPPED(status); entering = !entering) {
    status = advance(pid);
    if (!WIFSTOPPED(status)) throw std::runtime_error("the child ended: " + std::to_string(status));
    if (WSTOPSIG(status) == SIGSTOP) {
      trace.finished = true;
      break;
    }
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) throw std::runtime_error("a signal in the child");
    if (!entering) continue;
    if (trace.calls.size() == kill_before) break;
    struct user_regs_struct registers {};
    (void)::ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
    trace.calls.push_back(static_cast<long>(registers.orig_rax));
  }
  end(pid);
  return trace;
}

}  // namespace rollback
