// SPDX-License-Identifier: Apache-2.0
// Commit, undo and recovery of files on a real file system, with a kill and an error at every call.
#include <gtest/gtest.h>

#include <cerrno>

#include "agent/apply/undo.h"
#include "tests/agent/apply/files_scene.h"
#include "tests/support/child.h"
#include "tests/support/faulty_syscalls.h"

namespace rollback {
namespace {

TEST(Commit, TurnsRandomTreesIntoOthersAndBack) {
  SeededRandom random;
  for (int round = 0; round < 25; ++round) {
    const auto seed = random.below(1ULL << 60U);
    SCOPED_TRACE("tree seed " + std::to_string(seed));
    Scene scene(seed, 2, round % 2 == 0 ? SyncPolicy{} : kAtOnce);
    ASSERT_NE(scene.origin(), scene.target());
    const auto committed = scene.commit(scene.kernel(), 2);
    ASSERT_TRUE(committed) << committed.error().message;
    EXPECT_EQ(scene.live(), scene.target());
    EXPECT_EQ(scene.host().read("etc/neighbour.conf"), "unmanaged");

    const auto root = scene.host().open(scene.kernel());
    const auto journal = Journal::find(*root.open_directory("state"));
    ASSERT_TRUE(journal && *journal);
    const auto stages = StageSet::of_journal(root, (*journal)->begin.stages);
    for (int turn = 0; turn < 2; ++turn) {  // the second finds nothing to do
      const auto undone = undo_files(root, stages, (*journal)->intent->files);
      EXPECT_TRUE(undone.differs.empty()) << undone.differs.front();
      EXPECT_EQ(undone.reversed == 0, turn == 1);
      EXPECT_EQ(scene.live(), scene.origin());
    }
    EXPECT_EQ(scene.host().read("etc/neighbour.conf"), "unmanaged");
  }
}

class Synced : public ::testing::TestWithParam<SyncPolicy> {};

INSTANTIATE_TEST_SUITE_P(OneByOne, Synced, ::testing::Values(SyncPolicy{}));
INSTANTIATE_TEST_SUITE_P(AtOnce, Synced, ::testing::Values(kAtOnce));

TEST_P(Synced, FilesAreDecidedAfterAKillAtEveryCall) {
  SeededRandom random;
  const auto seed = random.below(1ULL << 60U);
  SCOPED_TRACE("tree seed " + std::to_string(seed));
  int origins = 0;
  int targets = 0;
  bool more = true;
  for (int point = 0; more; ++point) {
    Scene scene(seed, 1, GetParam());
    more = was_killed([&] {
      FaultySyscalls calls(scene.kernel(), KillAt{point});
      calls.file_system = EXT4_SUPER_MAGIC;
      (void)scene.commit(calls);
    });
    const auto recovered = scene.recover(scene.kernel());
    ASSERT_TRUE(recovered) << "killed at call " << point << ": " << recovered.error().message;
    const auto live = scene.live();
    const bool kept = recovered->decision == Recovery::Decision::kFinished;
    EXPECT_EQ(live, kept ? scene.target() : scene.origin())
        << "killed at call " << point << ": " << recovered->message;
    ++(kept ? targets : origins);
    // Again changes nothing.
    ASSERT_TRUE(scene.recover(scene.kernel()));
    EXPECT_EQ(scene.live(), live) << "killed at call " << point;
  }
  EXPECT_GT(origins, 20);
  EXPECT_GE(targets, 1);
}

TEST(Recovery, CanBeKilledItselfAtEveryCall) {
  SeededRandom random;
  const auto seed = random.below(1ULL << 60U);
  SCOPED_TRACE("tree seed " + std::to_string(seed));
  // The last call of the commit but one: everything has been renamed, nothing is verified.
  Scene counted(seed);
  FaultySyscalls counting(counted.kernel());
  ASSERT_TRUE(counted.commit(counting));
  const int last = counting.calls() - 3;
  bool more = true;
  for (int point = 0; more; ++point) {
    Scene scene(seed);
    ASSERT_TRUE(was_killed([&] {
      FaultySyscalls calls(scene.kernel(), KillAt{last});
      (void)scene.commit(calls);
    }));
    ASSERT_NE(scene.live(), scene.origin());
    more = was_killed([&] {
      FaultySyscalls calls(scene.kernel(), KillAt{point});
      (void)scene.recover(calls);
    });
    const auto recovered = scene.recover(scene.kernel());
    ASSERT_TRUE(recovered) << recovered.error().message;
    EXPECT_EQ(recovered->decision, Recovery::Decision::kUndone);
    EXPECT_EQ(scene.live(), scene.origin()) << "recovery killed at call " << point;
  }
}

TEST_P(Synced, UndoTakesAFailedCommitBack) {
  SeededRandom random;
  const auto seed = random.below(1ULL << 60U);
  SCOPED_TRACE("tree seed " + std::to_string(seed));
  for (const int error : {EIO, ENOSPC}) {
    if (error == ENOSPC && GetParam() == kAtOnce) continue;  // a sync has no such error
    bool failed = true;
    for (int point = 0; failed; ++point) {
      Scene scene(seed, 1, GetParam());
      FaultySyscalls calls(scene.kernel(), FailAt{point, error});
      calls.file_system = EXT4_SUPER_MAGIC;
      const auto committed = scene.commit(calls);
      failed = calls.calls() > point;
      const auto recovered = scene.recover(scene.kernel());
      ASSERT_TRUE(recovered) << recovered.error().message;
      const bool kept = recovered->decision == Recovery::Decision::kFinished;
      EXPECT_EQ(scene.live(), kept ? scene.target() : scene.origin())
          << "error " << error << " at call " << point;
    }
  }
}

TEST(Undo, KeepsWhatSomebodyElsePutThereOutOfTheWay) {
  Scene scene(7);
  ASSERT_TRUE(scene.commit(scene.kernel()));
  std::filesystem::remove(scene.host().path() / "etc/app/always-changed");
  scene.host().write("etc/app/always-changed", "edited by hand");
  std::filesystem::remove(scene.host().path() / "etc/app/always-new");
  scene.host().write("etc/app/always-old", "came back");
  const auto root = scene.host().open(scene.kernel());
  const auto journal = Journal::find(*root.open_directory("state"));
  const auto stages = StageSet::of_journal(root, (*journal)->begin.stages);
  const auto undone = undo_files(root, stages, (*journal)->intent->files);
  EXPECT_TRUE(undone.differs.empty());
  EXPECT_EQ(scene.live(), scene.origin());
  EXPECT_EQ(undo_files(root, stages, (*journal)->intent->files).reversed, 0U);
  EXPECT_EQ(scene.live(), scene.origin());
}

TEST(Recovery, FindsNothingOnAHostWithoutAJournal) {
  Scene scene(8);
  const auto recovered = scene.recover(scene.kernel());
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->decision, Recovery::Decision::kNothing);
}

TEST(Recovery, WaitsForWhoHoldsTheLock) {
  Scene scene(9);
  const auto root = scene.host().open(scene.kernel());
  const auto state = root.open_directory("state");
  const auto lock = RunLock::take(*state);
  ASSERT_TRUE(lock);
  const auto recovered = scene.recover(scene.kernel());
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, ErrorCode::kBusy);
}

}  // namespace
}  // namespace rollback
