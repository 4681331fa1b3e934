// SPDX-License-Identifier: Apache-2.0
// Whatever interrupts a run, its files end as they were or as they were to become.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/proof/files_subject.h"
#include "tests/proof/proof.h"
#include "tests/support/effort.h"

namespace rollback {
namespace {

constexpr Act kActs[] = {Act::kCommit, Act::kUndo, Act::kRecover, Act::kForget, Act::kCleanUp};

class DisturbedFiles : public ::testing::TestWithParam<SyncPolicy> {};
INSTANTIATE_TEST_SUITE_P(OneByOne, DisturbedFiles, ::testing::Values(SyncPolicy{}));
INSTANTIATE_TEST_SUITE_P(AtOnce, DisturbedFiles, ::testing::Values(kAtOnce));

void prove(const Trees& trees, SyncPolicy policy) {
  const Proof proof(trees.name + (policy == kAtOnce ? ", synced at once" : ""));
  for (const auto act : kActs) {
    FilesSubject subject(trees, act, policy);
    auto coverage = coverage_of_this_run();
    if (policy == kAtOnce && !is_nightly()) coverage.kill_every = 4;  // most calls are the same
    disturb_everywhere(subject, coverage, proof.findings());
  }
}

TEST_P(DisturbedFiles, PlainFiles) { prove(plain_trees(), GetParam()); }
TEST_P(DisturbedFiles, TypeChanges) { prove(type_changes(), GetParam()); }
TEST_P(DisturbedFiles, RandomTrees) {
  SeededRandom random;
  for (int i = 0; i < (is_nightly() ? 10 : 1); ++i)
    prove(random_trees(random.below(1ULL << 60U)), GetParam());
}

// A recovery that is killed, and the next one too.
void prove_nested(const Trees& trees) {
  const Proof proof(trees.name + ", recoveries killed in their turn");
  FilesSubject subject(trees, Act::kCommit, {});
  SeededRandom random;
  const auto calls = calls_of(subject, Counted::kMutating, proof.findings());
  const auto last = static_cast<int>(calls.size()) - 2;  // everything is renamed, nothing verified
  const int step = is_nightly() ? 3 : std::max(1, last / 4);
  for (int first = last; first > last / 4; first -= step)
    for (int second = 0, kills = 2; kills >= 2 && second < 1000; ++second) {
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

}  // namespace
}  // namespace rollback
