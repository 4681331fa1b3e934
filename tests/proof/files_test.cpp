// SPDX-License-Identifier: Apache-2.0
// Whatever interrupts a run, its files end as they were or as they were to become.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/proof/files_subject.h"
#include "tests/proof/proof.h"

namespace rollback {
namespace {

const auto* const kAtLeast = ::testing::AddGlobalTestEnvironment(new AtLeast(1'300, 20'000));
constexpr Act kActs[] = {Act::kCommit, Act::kUndo, Act::kRecover, Act::kForget, Act::kCleanUp};

class DisturbedFiles : public ::testing::TestWithParam<SyncPolicy> {};
INSTANTIATE_TEST_SUITE_P(OneByOne, DisturbedFiles, ::testing::Values(SyncPolicy{}));
INSTANTIATE_TEST_SUITE_P(AtOnce, DisturbedFiles, ::testing::Values(kAtOnce));

// `share`: one of so many, where most calls are those of another proof; with --nightly all.
void prove(const Trees& trees, SyncPolicy policy, int share = 1) {
  const Proof proof(trees.name + (policy == kAtOnce ? ", synced at once" : ""));
  for (const auto act : kActs) {
    FilesSubject subject(trees, act, policy);
    auto coverage = coverage_of_this_run();
    if (!covers_all()) {
      coverage.kill_every = policy == kAtOnce ? 6 * share : share;
      coverage.fail_every *= share;
      coverage.stick_every *= share;
    }
    disturb_everywhere(subject, coverage, proof.findings());
  }
}

TEST_P(DisturbedFiles, PlainFiles) { prove(plain_trees(), GetParam()); }
TEST_P(DisturbedFiles, TypeChanges) { prove(type_changes(), GetParam()); }
// There what is live is replaced under a link of it in the stage.
TEST_P(DisturbedFiles, WithoutExchange) { prove(without_exchange(plain_trees()), GetParam(), 4); }
TEST_P(DisturbedFiles, WithoutFlagsOfRename) {
  prove(without_rename_flags(type_changes()), GetParam(), 4);
}

TEST_P(DisturbedFiles, RandomTrees) {
  SeededRandom random;
  for (int i = 0; i < (covers_all() ? 3 : 1); ++i)
    prove(random_trees(random.below(1ULL << 60U)), GetParam(), 2);
}

// A disk gives the number of a file that is gone to the next one, which memory does not.
class OnADisk {
 public:
  OnADisk() {
    if (const char* given = std::getenv("TMPDIR")) before_ = given;
    ::setenv("TMPDIR", "/var/tmp", 1);
  }
  ~OnADisk() { ::setenv("TMPDIR", before_.c_str(), 1); }
  OnADisk(const OnADisk&) = delete;
  OnADisk& operator=(const OnADisk&) = delete;

 private:
  std::string before_ = "/tmp";
};

TEST(KilledOnADisk, FilesAndTypes) {
  const OnADisk disk;
  const Proof proof("files and types, on a disk");
  for (const auto& trees : {plain_trees(), type_changes(), without_exchange(plain_trees())})
    for (const auto act : kActs) {
      FilesSubject subject(trees, act, {});
      const Coverage some{Counted::kMutating, true, covers_all() ? 1 : 24, 0, 0};
      disturb_everywhere(subject, some, proof.findings());
    }
}

// A recovery that is killed, and the next one too.
void prove_nested(const Trees& trees) {
  const Proof proof(trees.name + ", recoveries killed in their turn");
  FilesSubject subject(trees, Act::kCommit, {});
  SeededRandom random;
  const auto calls = calls_of(subject, Counted::kMutating, proof.findings());
  const auto last = static_cast<int>(calls.size()) - 2;  // everything is renamed, nothing verified
  const int step = covers_all() ? 3 : std::max(1, last / 4);
  for (int first = last; first > last / 4; first -= step)
    for (int second = 0, kills = 2; kills >= 2 && second < 1000; second += covers_all() ? 1 : 3) {
      const auto third = static_cast<int>(random.below(static_cast<std::uint64_t>(second) + 8));
      const auto wrong = subject.nest(first, second, third, kills);
      proof.findings().count("of " + std::to_string(kills) + " kills");
      if (wrong.empty()) continue;
      proof.findings().add(
          fmt::format("ROLLBACK_SEED={} {}: killed at call {}, recovery at {} and {}: {}",
                      seed_of_this_run(), trees.name, first, second, third, wrong));
      if (proof.findings().lines().size() >= 5) return;
    }
}

TEST(KilledRecovery, PlainFilesNested) { prove_nested(plain_trees()); }
TEST(KilledRecovery, TypeChangesNested) { prove_nested(type_changes()); }
TEST(KilledRecovery, WithoutFlagsOfRenameNested) {
  prove_nested(without_rename_flags(type_changes()));
}

}  // namespace
}  // namespace rollback
