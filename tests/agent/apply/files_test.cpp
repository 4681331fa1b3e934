// SPDX-License-Identifier: Apache-2.0
// Commit, undo and recovery of files on a real file system. What a kill and an error at every call
// do to them is in tests/proof.
#include <gtest/gtest.h>

#include "agent/apply/undo.h"
#include "tests/agent/apply/files_scene.h"

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
      const auto undone = undo_files(LiveFiles(root), stages, (*journal)->intent->files);
      EXPECT_TRUE(undone.differs.empty()) << undone.differs.front();
      EXPECT_EQ(undone.reversed == 0, turn == 1);
      EXPECT_EQ(scene.live(), scene.origin());
    }
    EXPECT_EQ(scene.host().read("etc/neighbour.conf"), "unmanaged");
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
  const auto undone = undo_files(LiveFiles(root), stages, (*journal)->intent->files);
  EXPECT_TRUE(undone.differs.empty());
  EXPECT_EQ(scene.live(), scene.origin());
  EXPECT_EQ(undo_files(LiveFiles(root), stages, (*journal)->intent->files).reversed, 0U);
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
