// SPDX-License-Identifier: Apache-2.0
// pin, unpin, block, unblock at the real door.
#include "tests/agent/service/door_fixture.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

class RetentionVerbs : public DoorTest {
 protected:
  void snapshot(const std::string& release, const std::string& content) {
    tree_.write("etc/app/app.conf", content);
    ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{release, false, ""})).exit_code,
              ExitCode::kDone);
  }
  End mark(MarkChange change, const std::string& release, const std::string& why = "") {
    Command asked = command(MarkRequest{release, change});
    asked.reason = why;
    return asked_by(kRoot, asked);
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

TEST_F(RetentionVerbs, MarkOfWhatIsNotThereIsRefused) {
  snapshot("v1.0.0", "one");
  EXPECT_EQ(mark(MarkChange::kPin, "v9.9.9").exit_code, ExitCode::kRefused);
  EXPECT_EQ(mark(MarkChange::kPin, "latest").exit_code, ExitCode::kUsage);
  EXPECT_EQ(snapshots_.history().value().size(), 1U);
}

}  // namespace
}  // namespace rollback
