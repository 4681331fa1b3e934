// SPDX-License-Identifier: Apache-2.0
// pin, unpin, block, unblock, prune at the real door.
#include <future>

#include "tests/agent/service/door_fixture.h"

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RetentionVerbs : public DoorTest {
 protected:
  void snapshot(const std::string& release, const std::string& content) {
    tree_.write("etc/app/app.conf", content);
    ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{release, false, "", false})).exit_code,
              ExitCode::kDone);
  }
  End mark(MarkChange change, const std::string& release, const std::string& why = "") {
    Command asked = command(MarkRequest{release, change});
    asked.reason = why;
    return asked_by(kRoot, asked);
  }
  End prune(const PruneRequest& request) { return asked_by(kRoot, command(request)); }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    const auto all = snapshots_.revisions().value();
    for (const auto& revision : all) found.push_back(revision.name.str());
    return found;
  }
  RevisionStatus status(const std::string& release) {
    const auto known = snapshots_.statuses().value();
    for (const auto& it : known)
      if (it.revision.name.str() == release) return it;
    throw std::runtime_error("there is no " + release);
  }
};

TEST_F(RetentionVerbs, PinIsKeptInTheHistoryWithWhoAndWhy) {
  snapshot("v1.0.0", "one");
  EXPECT_TRUE(mark(MarkChange::kPin, "v1.0.0", "the last with the old schema").changed);
  EXPECT_TRUE(status("v1.0.0").pinned);
  const HistoryEntry entry = snapshots_.history().value().back();
  EXPECT_EQ(entry.action, HistoryAction::kPin);
  EXPECT_EQ(entry.actor, "root (uid 0)");
  EXPECT_EQ(entry.reason, "the last with the old schema");
  EXPECT_FALSE(mark(MarkChange::kPin, "v1.0.0").changed);
  EXPECT_TRUE(mark(MarkChange::kUnpin, "v1.0.0").changed);
  EXPECT_FALSE(mark(MarkChange::kUnpin, "v1.0.0").changed);
  EXPECT_EQ(snapshots_.history().value().size(), 3U);
}

TEST_F(RetentionVerbs, BlockedReleaseIsRefusedWithTheReason) {
  snapshot("v1.0.0", "one");
  snapshot("v1.1.0", "two");
  ASSERT_TRUE(mark(MarkChange::kBlock, "v1.0.0", "loses orders").changed);
  RollbackRequest back;
  back.to = "v1.0.0";
  const End refused = asked_by(kRoot, command(back));
  EXPECT_EQ(refused.exit_code, ExitCode::kRefused);
  EXPECT_THAT(refused.error->message, HasSubstr("root (uid 0): loses orders"));
  ASSERT_TRUE(mark(MarkChange::kUnblock, "v1.0.0").changed);
  back.dry_run = true;
  EXPECT_EQ(asked_by(kRoot, command(back)).exit_code, ExitCode::kDone);
}

TEST_F(RetentionVerbs, MarksTheNewestOfAReleaseAndTakesThemOffWhereTheyAre) {
  snapshot("v1.0.0", "one");
  ASSERT_TRUE(mark(MarkChange::kPin, "v1.0.0").changed);
  snapshot("v1.0.0", "drifted");
  ASSERT_TRUE(mark(MarkChange::kBlock, "v1.0.0").changed);
  EXPECT_TRUE(status("v1.0.0@2").blocked);
  EXPECT_FALSE(status("v1.0.0").blocked);
  ASSERT_TRUE(mark(MarkChange::kUnpin, "v1.0.0").changed);
  EXPECT_FALSE(status("v1.0.0").pinned);
}

PruneRequest keep(std::uint32_t count, bool dry_run = false) {
  return {dry_run, count, Duration{}, 0};
}

TEST_F(RetentionVerbs, PruneDoesWhatItsDryRunSays) {
  for (const char* const release : {"v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"})
    snapshot(release, release);
  ASSERT_TRUE(mark(MarkChange::kPin, "v1.0.0").changed);
  EXPECT_FALSE(prune(keep(1, true)).changed);
  EXPECT_EQ(names().size(), 4U);
  EXPECT_TRUE(prune(keep(1)).changed);
  EXPECT_THAT(names(), ElementsAre("v1.0.0", "v1.2.0", "v1.3.0"));
  EXPECT_EQ(retention_.is_open(), false);
  EXPECT_FALSE(prune(keep(1)).changed);
  RollbackRequest back;
  back.to = "v1.1.0";
  EXPECT_THAT(asked_by(kRoot, command(back)).error->message, HasSubstr("no revision v1.1.0"));
  back.to = "v1.0.0";
  options_.gate.soak = Duration{};
  EXPECT_EQ(asked_by(kRoot, command(back)).exit_code, ExitCode::kDone);
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "v1.0.0");
}

TEST_F(RetentionVerbs, PruneWithoutARuleIsRefused) {
  snapshot("v1.0.0", "one");
  const End refused = prune({});
  EXPECT_EQ(refused.exit_code, ExitCode::kUsage);
  EXPECT_THAT(refused.error->message, HasSubstr("--keep"));
}

TEST_F(RetentionVerbs, WhatIsAskedForStandsInsteadOfWhatIsConfigured) {
  for (const char* const release : {"v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"})
    snapshot(release, release);
  options_.retention = {4, {}, 0};
  EXPECT_FALSE(prune({}).changed);
  EXPECT_FALSE(prune({false, 0, std::chrono::nanoseconds(1), 0}).changed);  // four are kept
  options_.retention = {3, {}, 1ULL << 40U};
  EXPECT_FALSE(prune({}).changed);  // there is room
  EXPECT_TRUE(prune(keep(3)).changed);
  EXPECT_EQ(names().size(), 3U);
}

TEST_F(RetentionVerbs, TooSmallASizeIsSaidAndRemovesNoneOfWhatStays) {
  for (const char* const release : {"v1.0.0", "v1.1.0", "v1.2.0"}) snapshot(release, release);
  EXPECT_EQ(prune({false, 0, Duration{}, 1}).exit_code, ExitCode::kPartial);
  EXPECT_THAT(names(), ElementsAre("v1.1.0", "v1.2.0"));
}

TEST_F(RetentionVerbs, SnapshotPrunesAsConfigured) {
  options_.retention = {2, {}, 0};
  for (const char* const release : {"v1.0.0", "v1.1.0", "v1.2.0"}) snapshot(release, release);
  EXPECT_THAT(names(), ElementsAre("v1.1.0", "v1.2.0"));
  const HistoryEntry entry = snapshots_.history().value().back();
  EXPECT_EQ(entry.action, HistoryAction::kPrune);
  EXPECT_EQ(entry.actor, "retention");
}

TEST_F(RetentionVerbs, SnapshotGivesBackWhatADeadCaptureLeftWhenThereIsNoRoom) {
  std::string lost(3'000'000, '\0');
  random_.fill(reinterpret_cast<std::uint8_t*>(lost.data()), lost.size());
  ASSERT_TRUE(blobs_.put(lost));
  options_.retention = {0, {}, 2'000'000};
  snapshot("v1.0.0", "one");
  std::promise<std::uint64_t> left;
  ASSERT_TRUE(pruner_.sweep(GiveBack::kWhenWorthwhile, [&](const Result<Swept>& swept) {
    left.set_value(swept.value().objects);
  }));
  EXPECT_EQ(left.get_future().get(), 0U);  // the sweep before this one removed it
  EXPECT_THAT(names(), ElementsAre("v1.0.0"));
}

TEST_F(RetentionVerbs, WhatAPreparedRunGoesToStays) {
  for (const char* const release : {"v1.0.0", "v1.1.0", "v1.2.0"}) snapshot(release, release);
  PrepareRequest prepare;
  prepare.run = RunId::make(random_);
  prepare.to = "v1.0.0";
  ASSERT_EQ(asked_by(kCoordinator, command(prepare)).exit_code, ExitCode::kDone);
  EXPECT_FALSE(prune(keep(1)).changed);
  ASSERT_EQ(asked_by(kCoordinator, command(ForgetRequest{prepare.run})).exit_code, ExitCode::kDone);
  EXPECT_TRUE(prune(keep(1)).changed);
}

TEST_F(RetentionVerbs, MarkOfWhatIsNotThereIsRefused) {
  snapshot("v1.0.0", "one");
  EXPECT_EQ(mark(MarkChange::kPin, "v9.9.9").exit_code, ExitCode::kRefused);
  EXPECT_EQ(mark(MarkChange::kPin, "latest").exit_code, ExitCode::kUsage);
  EXPECT_EQ(snapshots_.history().value().size(), 1U);
}

}  // namespace
}  // namespace rollback
