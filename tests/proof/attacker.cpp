// SPDX-License-Identifier: Apache-2.0
#include "tests/proof/attacker.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

namespace rollback {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSecret = "outside, and nobody's business";

void give(const fs::path& path) {
  if (::lchown(path.c_str(), kAttacker, kAttacker) != 0)
    throw std::runtime_error("the tests need root");
}

void give_all(const fs::path& top) {
  give(top);
  for (const auto& entry : fs::recursive_directory_iterator(top)) give(entry.path());
}

// Every kind of change in directories that are his: a, a/b and what is in them.
void plant(const TempDirectory& host, const TempDirectory& release) {
  for (const auto* directory : {"a", "a/b", "c"})
    for (const auto* side : {&host, &release}) {
      const auto at = std::string("etc/app/user/") + directory;
      side->write(at + "/changed", side == &host ? "newer" : "older");
      side->write(at + (side == &host ? "/gone" : "/fresh"), "x");
      fs::create_directories(side->path() / at / (side == &host ? "gone-dir" : "fresh-dir"));
      fs::create_symlink(side == &host ? "2" : "1", side->path() / at / "link");
      fs::permissions(side->path() / at, fs::perms(side == &host ? 0755 : 0750));
    }
  for (const auto* side : {&host, &release}) {
    fs::permissions(side->path(), fs::perms(0755));
    give_all(side->path() / "etc/app/user");
  }
}

}  // namespace

AttackedHost::AttackedHost() : scene_(plant, {}) {
  fs::permissions(around_.path(), fs::perms(0755));
  for (const auto* directory : {"outside", "outside/b"})
    for (const auto* name : {"changed", "gone", "fresh"})
      around_.write(std::string(directory) + "/" + name, kSecret);
  for (const auto* directory : {"outside/gone-dir", "outside/fresh-dir", "home"})
    fs::create_directory(around_.path() / directory);
  around_.write("outside/open", "open to all");  // he may make a second name of it
  fs::permissions(outside() / "open", fs::perms(0666));
  fs::create_symlink(outside(), home() / "outside");
  fs::create_symlink(outside() / "b", home() / "outside-b");
  fs::create_symlink(outside() / "changed", home() / "file");
  fs::create_symlink(outside() / "fresh-dir", home() / "directory");
  around_.write("home/other/changed", "his");
  give_all(home());
  before_ = look();
}

fs::path AttackedHost::user() const { return scene_.host().path() / "etc/app/user"; }

std::string AttackedHost::escaped() const {
  const auto now = look();
  if (auto difference = first_difference(now, before_); !difference.empty()) return difference;
  for (const auto& [path, seen] : now)
    if (seen.inode != before_.at(path).inode) return path + " is another file";
  return "";
}

Digest AttackedHost::secret() { return sha256(kSecret); }

Attacker::Attacker(const AttackedHost& host, std::uint64_t seed) {
  void* shared = ::mmap(nullptr, sizeof(std::atomic<long>), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw std::runtime_error("no memory to share");
  swaps_ = new (shared) std::atomic<long>(0);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) attack(host, seed);
  while (*swaps_ == 0) {
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) throw std::runtime_error("he cannot attack");
    std::this_thread::yield();
  }
}

Attacker::~Attacker() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::munmap(swaps_, sizeof(*swaps_));
}

void Attacker::attack(const AttackedHost& host, std::uint64_t seed) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kAttacker, kAttacker, kAttacker) != 0 ||
      ::setresuid(kAttacker, kAttacker, kAttacker) != 0 ||
      ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)  // he does not outlive the test
    ::_exit(1);
  const auto user = host.user().string();
  const auto home = host.home().string();
  std::error_code refused;  // where the kernel protects hard links
  std::filesystem::create_hard_link(host.outside() / "open", home + "/open", refused);
  // What stands in the tree, and what of his takes its place.
  const std::array<std::pair<std::string, std::string>, 9> swaps = {{
      {user + "/a", home + "/outside"},
      {user + "/a/b", home + "/outside-b"},
      {user + "/a/changed", home + "/file"},
      {user + "/a/b/fresh-dir", home + "/directory"},
      {user + "/a/gone-dir", home + "/directory"},
      {user + "/a/link", home + "/outside"},
      {user + "/a/b/changed", home + "/open"},
      {user + "/a", home + "/other"},
      {user + "/c", home + "/outside"},
  }};
  std::minstd_rand dice(static_cast<std::minstd_rand::result_type>(seed));
  for (;;) {
    const auto& [there, here] = swaps[dice() % swaps.size()];
    // There and, mostly, back: what is meant to be taken back shall be there as often as not.
    for (int turn = 0; turn < (dice() % 8 == 0 ? 1 : 2); ++turn) {
      if (::renameat2(AT_FDCWD, there.c_str(), AT_FDCWD, here.c_str(), RENAME_EXCHANGE) == 0)
        ++*swaps_;
      for (auto wait = dice() % 2'000; wait > 0; --wait) (void)swaps_->load();
    }
  }
}

}  // namespace rollback
