// SPDX-License-Identifier: Apache-2.0
// Nobody who may write in a part of the tree leads a run out of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>

#include "tests/proof/attacker.h"
#include "tests/proof/mutants.h"
#include "tests/support/effort.h"

namespace rollback {
namespace {

constexpr int kOfARound = 5'000;  // tries; then another host

struct Tally {
  long tries = 0;  // operations of the engine on attacked paths
  long done = 0;   // of these
  long swaps = 0;  // of the attacker
  std::string escape;
};

bool read_the_secret(Scene& scene) {
  try {
    HashingSink sink;
    const auto state = capture_app(scene.host().open(scene.kernel()), sink);
    for (const auto& [path, node] : state.manifest)
      if (node.content == AttackedHost::secret()) return true;
  } catch (const std::runtime_error&) {
    // It moved while it was read: that is told, and nothing of it is taken.
  }
  return false;
}

// One host: staged, then committed and taken back, operation by operation, while he swaps.
void attack_once(const Layer& layer, std::uint64_t seed, Tally& tally) {
  AttackedHost host;
  auto& scene = host.scene();
  const auto staged = scene.commit(scene.kernel(), 0, Until::kStaged);
  ASSERT_TRUE(staged) << staged.error().message;
  const auto made = layer ? layer(scene.kernel()) : nullptr;
  Syscalls& calls = made ? *made : scene.kernel();
  const Directory root = scene.host().open(calls);
  const auto journal = Journal::find(root.open_directory("state").value()).value();
  const auto stages = StageSet::of_journal(root, journal->begin.stages);
  const Attacker attacker(host, seed);
  for (int tries = 0; tries < kOfARound;) {
    for (const auto& op : journal->intent->files) {
      tally.done += commit_files(LiveFiles(root), stages, {op}) ? 1 : 0;
      tally.done += undo_files(LiveFiles(root), stages, {op}).differs.empty() ? 1 : 0;
      tries += 2;
    }
    tally.tries += 2 * static_cast<long>(journal->intent->files.size());
  }
  if (read_the_secret(scene)) tally.escape = "what is outside was read";
  (void)scene.recover(calls);
  tally.swaps += attacker.swaps();
  if (auto escape = host.escaped(); !escape.empty()) tally.escape = escape;
}

Tally attack(const Layer& layer, long tries) {
  SeededRandom random;
  Tally tally;
  while (tally.tries < tries && tally.escape.empty() && !::testing::Test::HasFatalFailure()) {
    const auto seed = random.below(1ULL << 31U);
    attack_once(layer, seed, tally);
  }
  return tally;
}

TEST(Race, NobodyLeadsARunOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user needs root";
  const auto began = std::chrono::steady_clock::now();
  const auto tally = attack({}, is_nightly() ? 5'000'000 : 50'000);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  EXPECT_EQ(tally.escape, "") << "ROLLBACK_SEED=" << seed_of_this_run() << " after " << tally.tries
                              << " tries";
  EXPECT_GT(tally.done, tally.tries / 10);
  EXPECT_LT(tally.done, tally.tries);
  std::printf(
      "covered: a race for links: %ld tries against %ld swaps in %.1f s, %ld done, %d escapes\n",
      tally.tries, tally.swaps, took.count(), tally.done, tally.escape.empty() ? 0 : 1);
}

TEST(Race, AnEngineThatFollowsLinksIsLedOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user needs root";
  const auto tally = attack(without_beneath(), 100'000);
  EXPECT_NE(tally.escape, "") << "the attack is none";
  std::printf("covered: an engine that follows links: led out within %ld tries (%s)\n", tally.tries,
              tally.escape.substr(0, 60).c_str());
}

// Looks at the parent, then writes by path and does not follow the last name.
bool write_naively(const std::filesystem::path& parent) {
  struct stat stat {};
  if (::lstat(parent.c_str(), &stat) != 0 || !S_ISDIR(stat.st_mode)) return false;
  const auto path = parent / "changed";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  const bool written = ::write(fd, "written", 7) == 7;
  ::close(fd);
  return written;
}

TEST(Race, WhoLooksFirstAndOpensAfterwardsIsLedOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user needs root";
  const AttackedHost host;
  const Attacker attacker(host, seed_of_this_run());
  long tries = 0;
  while (tries < 2'000'000 && host.escaped().empty())
    for (int i = 0; i < 1'000; ++i, ++tries) {
      (void)write_naively(host.user() / "a");
      (void)write_naively(host.user() / "c");
    }
  EXPECT_NE(host.escaped(), "") << "the attack is none";
  std::printf("covered: looking first, opening afterwards: led out within %ld tries\n", 2 * tries);
}

}  // namespace
}  // namespace rollback
