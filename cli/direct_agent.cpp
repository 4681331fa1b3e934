// SPDX-License-Identifier: Apache-2.0
#include "cli/direct_agent.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "core/clock.h"
#include "protocol/unix_channel.h"

namespace rollback {

namespace {

constexpr Duration kStart = std::chrono::seconds(120);  // it may finish an interrupted run first
constexpr int kBetweenLooks = 50;                       // milliseconds
constexpr std::size_t kLastWords = 4096;

[[noreturn]] void become(const char* program, const char* socket, int words) {
  ::setsid();  // a Ctrl-C here is not meant for it
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(words, STDOUT_FILENO);
  ::dup2(words, STDERR_FILENO);
  ::execl(program, program, "--direct", "--socket", socket, static_cast<char*>(nullptr));
  ::_exit(127);
}

}  // namespace

Result<DirectAgent> DirectAgent::start(const std::string& program) {
  if (::access(program.c_str(), X_OK) != 0) return fail_errno(errno, "start " + program);
  Descriptor words(::memfd_create("rollback-agent", MFD_CLOEXEC));
  if (!words) return fail_errno(errno, "make room for the agent's log");
  const auto socket = fmt::format("/run/rollback-direct-{}.sock", ::getpid());
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "start " + program);
  if (pid == 0) become(program.c_str(), socket.c_str(), words.get());
  DirectAgent agent(pid, socket, std::move(words));
  const SystemClock clock;
  const BootTime until = clock.boot() + kStart;
  while (!UnixClient::connect(socket)) {
    if (agent.has_ended())
      return fail(ErrorCode::kIo,
                  "the agent for this command could not start: " + agent.last_words());
    if (clock.boot() >= until)
      return fail(ErrorCode::kTimeout, "the agent for this command does not answer");
    (void)::poll(nullptr, 0, kBetweenLooks);
  }
  return agent;
}

DirectAgent::DirectAgent(DirectAgent&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      socket_(std::move(other.socket_)),
      words_(std::move(other.words_)) {}

DirectAgent::~DirectAgent() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);  // it ends what it is doing first
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool DirectAgent::has_ended() {
  if (pid_ <= 0) return true;
  if (::waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
  pid_ = -1;
  return true;
}

std::string DirectAgent::last_words() const {
  std::array<char, kLastWords> text{};
  const off_t size = ::lseek(words_.get(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(text.size()));
  const ssize_t got = ::pread(words_.get(), text.data(), text.size(), from);
  std::string words(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!words.empty() && words.back() == '\n') words.pop_back();
  const auto line = words.rfind('\n');
  return line == std::string::npos ? words : words.substr(line + 1);
}

}  // namespace rollback
