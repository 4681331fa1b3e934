// SPDX-License-Identifier: Apache-2.0
#include "tests/power/fuse_server.h"

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace rollback {

FuseServer::FuseServer(std::string where, int last, const std::function<int(int ready)>& serve)
    : where_(std::move(where)), last_(last) {
  std::array<int, 2> ready{};
  if (::pipe(ready.data()) != 0) throw std::runtime_error("no pipe");
  std::fflush(nullptr);
  const pid_t owner = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, last_);
    ::close(ready[0]);
    ::_exit(::getppid() == owner ? serve(ready[1]) : 1);
  }
  ::close(ready[1]);
  char byte = 0;
  const auto got = ::read(ready[0], &byte, 1);
  ::close(ready[0]);
  if (got == 1) return;
  ::waitpid(pid_, nullptr, 0);
  throw std::runtime_error("cannot mount FUSE at " + where_);
}

FuseServer::~FuseServer() {
  if (::umount2(where_.c_str(), 0) != 0) {
    ::umount2(where_.c_str(), MNT_DETACH);
    ::kill(pid_, last_);  // a test that left it busy has failed already
  }
  ::waitpid(pid_, nullptr, 0);
}

bool FuseServer::say_mounted(int ready) {
  const char byte = 1;
  const bool said = ::write(ready, &byte, 1) == 1;
  ::close(ready);
  return said;
}

}  // namespace rollback
