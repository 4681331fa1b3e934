// SPDX-License-Identifier: Apache-2.0
// What a run writes is on the disk before what depends on it happens.
#include <gmock/gmock.h>

#include <algorithm>
#include <cerrno>

#include "agent/apply/undo.h"
#include "tests/agent/apply/files_scene.h"
#include "tests/support/faulty_syscalls.h"

namespace rollback {
namespace {

constexpr std::uint64_t kTree = 11;
constexpr std::ptrdiff_t kTrial = 1;  // rename with which a stage finds out what it can do

// The calls of one commit, by name, in their order.
class Recorded {
 public:
  Recorded(Scene& scene, long file_system) : calls_(scene.kernel()) {
    calls_.file_system = file_system;
    calls_.answer = [this](std::string_view call) {
      names.emplace_back(call);
      return call == fails_ && --fails_at_ == 0 ? -error_ : 0;
    };
  }
  // The `number`th call of this name, from 1.
  void fail(std::string call, int number, int error = EIO) {
    fails_ = std::move(call);
    fails_at_ = number;
    error_ = error;
  }
  Syscalls& calls() { return calls_; }

  [[nodiscard]] std::ptrdiff_t count(const std::string& call) const {
    return std::count(names.begin(), names.end(), call);
  }
  [[nodiscard]] std::ptrdiff_t first(const std::string& call) const {
    return std::find(names.begin(), names.end(), call) - names.begin();
  }
  [[nodiscard]] std::ptrdiff_t last(const std::string& call) const {
    return names.rend() - std::find(names.rbegin(), names.rend(), call) - 1;
  }
  std::vector<std::string> names;

 private:
  FaultySyscalls calls_;
  std::string fails_;
  int fails_at_ = 0;
  int error_ = EIO;
};

TEST(Durable, MuchIsSyncedAtOnceBetweenTheStepsThatNeedIt) {
  Scene scene(kTree, 1, kAtOnce);
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  ASSERT_TRUE(scene.commit(seen.calls()));
  EXPECT_EQ(scene.live(), scene.target());
  ASSERT_EQ(seen.count("syncfs"), 2);
  // Staged: after the last of its contents, before the first change.
  const auto synced = seen.names.begin() + seen.first("syncfs");
  const auto changed = std::find(synced, seen.names.end(), "renameat2");
  ASSERT_NE(changed, seen.names.end());
  EXPECT_EQ(std::count(seen.names.begin(), synced, "renameat2"), kTrial);
  EXPECT_EQ(std::count(synced, changed, "fchmod"), 0);
  // The disk has begun by then.
  EXPECT_GT(seen.count("start_write_back"), 5);
  EXPECT_LT(seen.last("start_write_back"), seen.first("syncfs"));
  // Committed: before the journal says so.
  EXPECT_LT(seen.last("renameat2"), seen.last("syncfs"));
  EXPECT_LT(seen.last("syncfs"), seen.last("fdatasync"));
}

TEST(Durable, TheDiskIsNotAskedToBeginWithEachSmallFile) {
  Scene scene(kTree, 1, SyncPolicy{1});
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  ASSERT_TRUE(scene.commit(seen.calls()));
  EXPECT_EQ(seen.count("start_write_back"), 0);
}

TEST(Durable, LittleIsSyncedOneByOne) {
  Scene scene(kTree, 1, SyncPolicy{256, 1});
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  ASSERT_TRUE(scene.commit(seen.calls()));
  EXPECT_EQ(seen.count("syncfs"), 0);
  EXPECT_EQ(seen.count("start_write_back"), 0);
  EXPECT_GT(seen.count("fsync"), 5);
}

// There syncfs answers 0 whatever became of the writes.
TEST(Durable, OnAFileSystemThatHidesFailedWritesAllIsSyncedOneByOne) {
  Scene scene(kTree, 1, kAtOnce);
  Recorded seen(scene, OVERLAYFS_SUPER_MAGIC);
  ASSERT_TRUE(scene.commit(seen.calls()));
  EXPECT_EQ(seen.count("syncfs"), 0);
  EXPECT_EQ(seen.count("start_write_back"), 0);
  EXPECT_GT(seen.count("fsync"), 5);
}

TEST(Durable, AStageThatDidNotReachTheDiskIsNotCommitted) {
  Scene scene(kTree, 1, kAtOnce);
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  seen.fail("syncfs", 1);
  const auto committed = scene.commit(seen.calls());
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, ErrorCode::kIo);
  EXPECT_EQ(seen.count("syncfs"), 1);  // never asked again
  EXPECT_EQ(seen.count("renameat2"), kTrial);
  EXPECT_EQ(scene.live(), scene.origin());
  const auto recovered = scene.recover(scene.kernel());
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->decision, Recovery::Decision::kForgotten);
}

TEST(Durable, AContentThatTheDiskRefusesAtOnceIsNotCommitted) {
  Scene scene(kTree, 1, kAtOnce);
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  seen.fail("start_write_back", 2);
  const auto committed = scene.commit(seen.calls());
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, ErrorCode::kIo);
  EXPECT_EQ(seen.count("renameat2"), kTrial);
  EXPECT_EQ(scene.live(), scene.origin());
}

// A container's filter of system calls must not cost a rollback.
TEST(Durable, WhereTheDiskMayNotBeginAtOnceTheSyncDoesIt) {
  for (const int refusal : {EPERM, ENOSYS, EOPNOTSUPP}) {
    Scene scene(kTree, 1, kAtOnce);
    Recorded seen(scene, EXT4_SUPER_MAGIC);
    seen.fail("start_write_back", 1, refusal);
    ASSERT_TRUE(scene.commit(seen.calls())) << refusal;
    EXPECT_EQ(scene.live(), scene.target());
    EXPECT_EQ(seen.count("syncfs"), 2);
  }
}

// Where a deploy has just freed many inodes, ext4 needs seconds to find new ones.
TEST(Durable, StagesArePlacedApartFromWhatWasDeployed) {
  Scene scene(kTree);
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  ASSERT_TRUE(scene.commit(seen.calls()));
  long flags = 0;
  const auto root = scene.host().open(scene.kernel());
  if (scene.kernel().ioctl_flags(root.fd(), flags) < 0)
    GTEST_SKIP() << "this file system has no flags";
  EXPECT_EQ(seen.count("ioctl_set_flags"), 1);
}

TEST(Durable, AStageThatCannotBePlacedApartServesAsWell) {
  Scene scene(kTree);
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  seen.fail("ioctl_set_flags", 1);
  EXPECT_TRUE(scene.commit(seen.calls()));
  EXPECT_EQ(scene.live(), scene.target());
}

TEST(Durable, ACommitThatDidNotReachTheDiskIsTakenBack) {
  Scene scene(kTree, 1, kAtOnce);
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  seen.fail("syncfs", 2);
  EXPECT_FALSE(scene.commit(seen.calls()));
  EXPECT_EQ(scene.live(), scene.target());
  const auto recovered = scene.recover(scene.kernel());
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->decision, Recovery::Decision::kUndone);
  EXPECT_EQ(scene.live(), scene.origin());
}

TEST(Durable, AnUndoThatDidNotReachTheDiskSaysSo) {
  Scene scene(kTree, 1, kAtOnce);
  ASSERT_TRUE(scene.commit(scene.kernel()));
  Recorded seen(scene, EXT4_SUPER_MAGIC);
  seen.fail("syncfs", 1);
  const auto root = scene.host().open(seen.calls());
  const auto journal = Journal::find(*root.open_directory("state"));
  ASSERT_TRUE(journal && *journal);
  const auto stages = StageSet::of_journal(root, (*journal)->begin.stages);
  const auto undone = undo_files(LiveFiles(root), stages, (*journal)->intent->files, kAtOnce);
  ASSERT_EQ(undone.differs.size(), 1U);
  EXPECT_THAT(undone.differs.front(), ::testing::StartsWith("not safely on disk"));
  EXPECT_EQ(scene.live(), scene.origin());
}

TEST(Durable, ContentsThatAreLostAreNamedAndNothingIsChanged) {
  Scene scene(kTree, 1, kAtOnce);
  scene.lose_contents();
  const auto committed = scene.commit(scene.kernel(), 2);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(committed.error().message, ::testing::HasSubstr("lacks contents of v2: /etc/app/a"));
  EXPECT_EQ(scene.live(), scene.origin());
}

}  // namespace
}  // namespace rollback
