// SPDX-License-Identifier: Apache-2.0
#include "cli/held_command.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace rollback {

namespace {

constexpr int kNotExecuted = 127;  // what shells say
constexpr std::array kHeld = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};

sigset_t held_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kHeld) sigaddset(&set, number);
  return set;
}

bool is_executable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

Status find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (is_executable(name)) return {};
  } else {
    const char* const path = std::getenv("PATH");
    std::string rest = path == nullptr ? "/usr/bin:/bin" : path;
    while (!rest.empty()) {
      const auto end = rest.find(':');
      if (is_executable(rest.substr(0, end) + "/" + name)) return {};
      rest = end == std::string::npos ? "" : rest.substr(end + 1);
    }
  }
  return fail(ErrorCode::kNotFound, "there is no program '" + name + "' that could be executed");
}

// What the new process does: nothing that could wait for a lock of the old one.
[[noreturn]] void become(const std::vector<char*>& argv, int gate, int error,
                         const sigset_t& signals) {
  char byte = 0;
  ssize_t got = 0;
  while ((got = ::read(gate, &byte, 1)) < 0 && errno == EINTR) {
  }
  if (got != 1) ::_exit(kNotExecuted);
  for (const int number : kHeld) ::signal(number, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::execvp(argv[0], argv.data());
  const int why = errno;
  (void)!::write(error, &why, sizeof why);
  ::_exit(kNotExecuted);
}

}  // namespace

Result<HeldCommand> HeldCommand::start(const std::vector<std::string>& argv) {
  if (argv.empty()) return fail(ErrorCode::kInvalid, "no command was given");
  ROLLBACK_TRY(find_program(argv.front()));
  std::array<int, 2> gate{}, error{};
  if (::pipe2(gate.data(), O_CLOEXEC) != 0) return fail_errno(errno, "make a pipe");
  Descriptor gate_read(gate[0]), gate_write(gate[1]);
  if (::pipe2(error.data(), O_CLOEXEC) != 0) return fail_errno(errno, "make a pipe");
  Descriptor error_read(error[0]), error_write(error[1]);
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  HeldCommand command;
  const sigset_t held = held_signals();
  ::sigprocmask(SIG_BLOCK, &held, &command.before_);
  command.pid_ = ::fork();
  if (command.pid_ == 0) {
    ::close(gate[1]);  // else it would wait for itself
    become(pointers, gate[0], error[1], command.before_);
  }
  if (command.pid_ < 0) return fail_errno(errno, "start a process");
  command.gate_ = std::move(gate_write);
  command.error_ = std::move(error_read);
  return command;
}

HeldCommand::HeldCommand(HeldCommand&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_code_(other.exit_code_),
      before_(other.before_),
      gate_(std::move(other.gate_)),
      error_(std::move(other.error_)) {
  other.before_ = held_signals();
}

HeldCommand::~HeldCommand() {
  gate_.reset();
  if (pid_ > 0) (void)reap(0);
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

Status HeldCommand::go() {
  const char byte = 1;
  if (::write(gate_.get(), &byte, 1) != 1) return fail_errno(errno, "let the command go");
  gate_.reset();
  int why = 0;
  ssize_t got = 0;
  while ((got = ::read(error_.get(), &why, sizeof why)) < 0 && errno == EINTR) {
  }
  if (got != sizeof why) return {};  // it is the program, which has closed its end
  return fail_errno(why, "execute the command");
}

int HeldCommand::reap(int flags) {
  int status = 0;
  pid_t got = 0;
  while ((got = ::waitpid(pid_, &status, flags)) < 0 && errno == EINTR) {
  }
  if (got != pid_) return got == 0 ? -1 : exit_code_;
  pid_ = -1;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return exit_code_;
}

int HeldCommand::wait() {
  const sigset_t held = held_signals();
  while (pid_ > 0) {
    if (const int code = reap(WNOHANG); code >= 0) break;
    siginfo_t info{};
    const int number = ::sigwaitinfo(&held, &info);
    const bool for_us_alone = info.si_code <= 0;  // somebody's kill, not the terminal's
    if (number > 0 && number != SIGCHLD && for_us_alone) ::kill(pid_, number);
  }
  return exit_code_;
}

}  // namespace rollback
