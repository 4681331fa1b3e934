// SPDX-License-Identifier: Apache-2.0
#include "tests/power/jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace rollback {

namespace {

// A mount waits for the kernel longer than it computes, so more than there are cores.
constexpr std::size_t kAtOnce = 4;

struct Running {
  std::size_t number = 0;
  pid_t pid = -1;
  int pipe = -1;
  std::string unread;
};

Running begin(std::size_t number, const Job& job) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::fflush(nullptr);
  const pid_t owner = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(pipe[0]);
    if (::getppid() != owner) ::_exit(1);
    Teller teller(pipe[1]);
    try {
      job(number, teller);
    } catch (const std::exception& error) {
      teller.fail(fmt::format("job {}: {}", number, error.what()));
    }
    ::_exit(0);
  }
  ::close(pipe[1]);
  return {number, pid, pipe[0], {}};
}

void take(Findings& findings, const std::string& line) {
  const auto rest = line.substr(std::min<std::size_t>(2, line.size()));
  if (line.starts_with("s ")) {
    findings.distinct.insert(std::stoull(rest));
  } else if (line.starts_with("c ")) {
    const auto space = rest.find(' ');
    findings.counts[rest.substr(space + 1)] += std::stoull(rest.substr(0, space));
  } else {
    findings.failures.push_back(rest);
  }
}

// False at the end of what it says.
bool listen(Running& running, Findings& findings) {
  std::array<char, 4096> bytes{};
  const auto got = ::read(running.pipe, bytes.data(), bytes.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  running.unread.append(bytes.data(), static_cast<std::size_t>(got));
  std::size_t end = 0;
  while ((end = running.unread.find('\n')) != std::string::npos) {
    take(findings, running.unread.substr(0, end));
    running.unread.erase(0, end + 1);
  }
  return true;
}

void finish(const Running& running, Findings& findings) {
  ::close(running.pipe);
  int status = 0;
  while (::waitpid(running.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0)
    findings.failures.push_back(fmt::format("job {} ended with status {}", running.number, status));
}

}  // namespace

std::size_t Findings::count(const std::string& what) const {
  const auto found = counts.find(what);
  return found == counts.end() ? 0 : found->second;
}

void Teller::count(const std::string& what, std::size_t number) {
  say(fmt::format("c {} {}", number, what));
}
void Teller::saw(std::uint64_t fingerprint) { say(fmt::format("s {}", fingerprint)); }
void Teller::fail(const std::string& what) {
  auto line = what;
  std::replace(line.begin(), line.end(), '\n', ' ');
  say("f " + line);
}

void Teller::say(const std::string& line) const {
  const auto whole = line + "\n";
  std::size_t done = 0;
  while (done < whole.size()) {
    const auto wrote = ::write(pipe_, whole.data() + done, whole.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) ::_exit(1);  // nobody listens any more
    done += static_cast<std::size_t>(wrote);
  }
}

Findings run_jobs(std::size_t count, const Job& job) {
  const auto begun = std::chrono::steady_clock::now();
  Findings findings;
  std::vector<Running> running;
  for (std::size_t next = 0; next < count || !running.empty();) {
    while (next < count && running.size() < kAtOnce) running.push_back(begin(next++, job));
    std::vector<pollfd> polled;
    for (const auto& one : running) polled.push_back({one.pipe, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR)
      throw std::runtime_error("poll failed");
    for (std::size_t i = running.size(); i-- > 0;) {
      if (polled[i].revents == 0 || listen(running[i], findings)) continue;
      finish(running[i], findings);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  findings.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return findings;
}

}  // namespace rollback
