// SPDX-License-Identifier: Apache-2.0
#include "core/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace rollback {

namespace {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(-1); }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A started program, the leader of its own group. It is killed with the group and reaped when it
// goes out of scope unreaped; until then its id cannot be taken by anything else.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    reap();
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  // 128 + signal when killed by one.
  int reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t pid_;
};

struct SpawnSettings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

// Standard input is empty, both outputs go to `output`, signals are as at the start of a program.
Result<pid_t> start(const std::vector<std::string>& argv, int output) {
  SpawnSettings settings;
  posix_spawn_file_actions_addopen(&settings.files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.files, output, 1);
  posix_spawn_file_actions_adddup2(&settings.files, output, 2);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv.front().c_str(), &settings.files, &settings.attributes,
                                  arguments.data(), environ);
  if (error != 0) return fail_errno(error, "start " + argv.front());
  return pid;
}

// A timer of CLOCK_BOOTTIME: time asleep counts, a stepped clock does not.
Result<int> make_timer(Duration deadline) {
  const int fd = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return fail_errno(errno, "make a timer");
  const auto ns = std::max<std::int64_t>(deadline.count(), 1);  // zero would disarm it
  itimerspec when{};
  when.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  ::timerfd_settime(fd, 0, &when, nullptr);
  return fd;
}

enum class PipeState { kOpen, kEnded };

// Takes what is there now; what is above the bound is read and dropped, so that the writer goes on.
PipeState drain(int fd, std::size_t bound, ProcessOutcome& outcome) {
  std::array<char, 16 * 1024> buffer;
  for (int turn = 0; turn < 64; ++turn) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? PipeState::kOpen : PipeState::kEnded;
    if (got == 0) return PipeState::kEnded;
    const auto room = bound - outcome.output.size();
    const auto size = static_cast<std::size_t>(got);
    outcome.output.append(buffer.data(), std::min(room, size));
    outcome.truncated = outcome.truncated || size > room;
  }
  return PipeState::kOpen;
}

// True when the program ended, false when the deadline passed first.
Result<bool> follow(int output, int program, int timer, std::size_t bound,
                    ProcessOutcome& outcome) {
  std::array<pollfd, 3> waits = {pollfd{output, POLLIN, 0}, pollfd{program, POLLIN, 0},
                                 pollfd{timer, POLLIN, 0}};
  while (true) {
    if (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, "wait for a program");
    }
    const bool ended = waits[1].revents != 0;
    if (waits[0].revents != 0 && drain(output, bound, outcome) == PipeState::kEnded)
      waits[0].fd = -1;
    if (ended) {
      if (waits[0].fd >= 0) drain(output, bound, outcome);
      return true;
    }
    if (waits[2].revents != 0) return false;
  }
}

Status check(const ProcessRequest& request) {
  if (request.argv.empty() || request.argv.front().empty() || request.argv.front().front() != '/')
    return fail(ErrorCode::kInvalid, "a program is started by its absolute path only");
  for (const auto& argument : request.argv)
    if (argument.find('\0') != std::string::npos)
      return fail(ErrorCode::kInvalid, "an argument of " + request.argv.front() + " holds a NUL");
  return {};
}

}  // namespace

Result<ProcessOutcome> run_process(const ProcessRequest& request) {
  ROLLBACK_TRY(check(request));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return fail_errno(errno, "make a pipe");
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) < 0) return fail_errno(errno, "set up a pipe");
  ROLLBACK_ASSIGN(const int timer_fd, make_timer(request.deadline));
  Fd timer(timer_fd);

  ROLLBACK_ASSIGN(const pid_t pid, start(request.argv, writer.get()));
  Child child(pid);
  writer.reset(-1);
  // Not through <sys/pidfd.h>: glibc 2.36 declares it without extern "C".
  Fd program(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)));
  if (program.get() < 0) return fail_errno(errno, "watch " + request.argv.front());

  ProcessOutcome outcome;
  ROLLBACK_ASSIGN(const bool ended,
                  follow(reader.get(), program.get(), timer.get(), request.max_output, outcome));
  if (!ended)
    return fail(ErrorCode::kTimeout, request.argv.front() + " did not end within " +
                                         format_duration(request.deadline) +
                                         " and was killed with what it had started");
  outcome.exit_code = child.reap();
  return outcome;
}

}  // namespace rollback
