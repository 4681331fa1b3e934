// SPDX-License-Identifier: Apache-2.0
// Commit, undo and recovery of files on a real file system, with a kill and an error at every call.
#include <gtest/gtest.h>

#include <cerrno>

#include "agent/apply/commit.h"
#include "agent/apply/journal.h"
#include "agent/apply/recovery.h"
#include "agent/apply/stage.h"
#include "agent/apply/undo.h"
#include "agent/plan/planner.h"
#include "tests/agent/apply/apply_support.h"
#include "tests/support/child.h"
#include "tests/support/faulty_syscalls.h"

namespace rollback {
namespace {

// A host whose /etc/app is one random tree, and another that it is to become.
class Scene {
 public:
  explicit Scene(std::uint64_t seed, int depth = 1) {
    SeededRandom random(seed);
    grow_tree(host_.path() / "etc/app", random, depth);
    grow_tree(release_.path() / "etc/app", random, depth);
    host_.write("etc/neighbour.conf", "unmanaged");
    host_.write("state/keep", "");
    // A run is prepared against one inode of every kind, whatever the trees became.
    release_.write("etc/app/always-new", "new");
    host_.write("etc/app/always-old", "old");
    host_.write("etc/app/always-changed", "old");
    release_.write("etc/app/always-changed", "new");
    origin_ = capture_app(host_.open(kernel_), sink_);
    target_ = capture_app(release_.open(kernel_), sink_);
  }

  Result<Plan> plan() const { return make_plan({origin_, target_, "v1", "v2", app_specs()}); }

  // As the engine does it; ends with the record that says it is verified.
  Status commit(Syscalls& calls) const {
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    ROLLBACK_ASSIGN(const Plan steps, plan());
    std::vector<std::string> paths;
    for (const auto& step : steps.steps) paths.push_back(step.subject);
    JournalBegin begin;
    ROLLBACK_ASSIGN(begin.run, RunId::parse("0123456789ab"));
    ROLLBACK_ASSIGN(StageSet stages, StageSet::locate(root, begin.run, paths));
    begin.stages = stages.paths();
    ROLLBACK_ASSIGN(Journal journal, Journal::create(state, begin));
    ROLLBACK_TRY(stages.make());
    ROLLBACK_ASSIGN(const auto owners, OwnerNames::load(root));
    const auto content = sink_.source();
    JournalIntent intent;
    ROLLBACK_ASSIGN(intent.files,
                    stage_contents({root, stages, steps, origin_, target_, content, owners}));
    ROLLBACK_TRY(journal.append(intent));
    ROLLBACK_TRY(journal.append(JournalPhase{RunPhase::kStaged, {}}));
    ROLLBACK_TRY(journal.append(JournalPhase{RunPhase::kCommitting, {}}));
    ROLLBACK_TRY(commit_files(root, stages, intent.files));
    return journal.append(JournalPhase{RunPhase::kVerified, {}});
  }

  Result<Recovery> recover(Syscalls& calls) const {
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    return recover_files(root, state);
  }

  [[nodiscard]] Digest live() { return capture_app(host_.open(kernel_), sink_).content_root; }
  [[nodiscard]] Digest origin() const { return origin_.content_root; }
  [[nodiscard]] Digest target() const { return target_.content_root; }
  [[nodiscard]] const TempDirectory& host() const { return host_; }
  KernelSyscalls& kernel() { return kernel_; }

 private:
  KernelSyscalls kernel_;
  TempDirectory host_, release_;
  KeepingSink sink_;
  HostState origin_, target_;
};

TEST(Commit, TurnsRandomTreesIntoOthersAndBack) {
  SeededRandom random;
  for (int round = 0; round < 25; ++round) {
    const auto seed = random.below(1ULL << 60U);
    SCOPED_TRACE("tree seed " + std::to_string(seed));
    Scene scene(seed, 2);
    ASSERT_NE(scene.origin(), scene.target());
    const auto committed = scene.commit(scene.kernel());
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

TEST(Recovery, DecidesTheFilesAfterAKillAtEveryCall) {
  SeededRandom random;
  const auto seed = random.below(1ULL << 60U);
  SCOPED_TRACE("tree seed " + std::to_string(seed));
  int origins = 0;
  int targets = 0;
  bool more = true;
  for (int point = 0; more; ++point) {
    Scene scene(seed);
    more = was_killed([&] {
      FaultySyscalls calls(scene.kernel(), KillAt{point});
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

TEST(Undo, TakesAFailedCommitBack) {
  SeededRandom random;
  const auto seed = random.below(1ULL << 60U);
  SCOPED_TRACE("tree seed " + std::to_string(seed));
  for (const int error : {EIO, ENOSPC}) {
    bool failed = true;
    for (int point = 0; failed; ++point) {
      Scene scene(seed);
      FaultySyscalls calls(scene.kernel(), FailAt{point, error});
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
