// SPDX-License-Identifier: Apache-2.0
#include "agent/service/door.h"

#include <algorithm>
#include <filesystem>

#include "tests/agent/service/door_fixture.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(DoorTest, RecordsAReleaseAndTakesTheHostBackToIt) {
  EXPECT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, "", false})).exit_code,
            ExitCode::kDone);
  tree_.write("etc/app/app.conf", "broken");
  RollbackRequest back;
  back.to = "v1.0.0";
  options_.gate.soak = Duration{};
  const End done = asked_by(kRoot, command(back));
  EXPECT_EQ(done.exit_code, ExitCode::kDone) << (done.error ? done.error->message : "");
  EXPECT_TRUE(done.changed);
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "one");
}

TEST_F(DoorTest, AGitReferenceThatIsNoneIsRefused) {
  for (const char* const bad : {"--upload-pack=x", "two words", "a\nb"}) {
    const End end = asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, bad, false}));
    EXPECT_EQ(end.exit_code, ExitCode::kUsage) << bad;
  }
  EXPECT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, "3f2a90c1", false})).exit_code,
            ExitCode::kDone);
}

TEST_F(DoorTest, StatusFollowsTheHistoryAndTheStoresDamage) {
  EXPECT_EQ(status_of(*host_, "none").release, "");
  for (const char* const release : {"v1.0.0", "v1.1.0"}) {
    tree_.write("etc/app/app.conf", release);
    ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{release, false, "", false})).exit_code,
              ExitCode::kDone);
    EXPECT_EQ(status_of(*host_, "none").release, release);
  }
  EXPECT_EQ(status_of(*host_, "none").store, "ok");
  (void)database_->note_damage(Table::kBlobs, "a", "content a: what is stored has another hash");
  EXPECT_THAT(status_of(*host_, "none").store,
              AllOf(StartsWith("degraded: "), HasSubstr("content a")));
}

TEST_F(DoorTest, PreviousIsTheReleaseThatWasLeftUnrecorded) {
  ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, "", false})).exit_code,
            ExitCode::kDone);
  tree_.write("etc/app/app.conf", "a deploy that nobody recorded");
  RollbackRequest previous;
  previous.dry_run = true;
  EXPECT_EQ(asked_by(kRoot, command(previous)).exit_code, ExitCode::kDone);
}

TEST_F(DoorTest, TurnsStrangersAndTheCoordinatorsVerbsAway) {
  EXPECT_EQ(asked_by(kNobody, command(StatusRequest{})).exit_code, ExitCode::kDenied);
  EXPECT_EQ(asked_by(kRoot, command(HostListRequest{})).exit_code, ExitCode::kDenied);
  EXPECT_EQ(asked_by(kCoordinator, command(RollbackRequest{})).exit_code, ExitCode::kDenied);
  EXPECT_EQ(door_->refusals().denied, 3U);
}

TEST_F(DoorTest, CountsGarbageAndLetsItsSenderGo) {
  EXPECT_FALSE(door_->handle(kRoot, "GET / HTTP/1.1", ConnectionId{1}));
  EXPECT_FALSE(door_->handle(kRoot, "", ConnectionId{1}));
  EXPECT_EQ(door_->refusals().malformed, 2U);
}

TEST_F(DoorTest, RefusesReplayedOldForeignAndExpiredCommands) {
  const Command first = command(StatusRequest{});
  EXPECT_EQ(asked_by(kCoordinator, first).exit_code, ExitCode::kDone);
  EXPECT_EQ(asked_by(kCoordinator, first).exit_code, ExitCode::kDenied);
  Command older = command(StatusRequest{});
  older.epoch = 6;
  EXPECT_THAT(asked_by(kCoordinator, older).error->message, HasSubstr("7"));
  Command foreign = command(StatusRequest{});
  foreign.host = HostId::make(random_);
  EXPECT_EQ(asked_by(kCoordinator, foreign).exit_code, ExitCode::kDenied);
  Command other_fleet = command(StatusRequest{});
  other_fleet.fleet = "bank";
  EXPECT_EQ(asked_by(kCoordinator, other_fleet).exit_code, ExitCode::kDenied);
  Command expired = command(StatusRequest{});
  expired.not_after = clock_.wall() - std::chrono::hours(1);
  EXPECT_EQ(asked_by(kCoordinator, expired).exit_code, ExitCode::kDenied);
  EXPECT_EQ(asked_by(kCoordinator, command(StatusRequest{})).exit_code, ExitCode::kDone);
}

TEST_F(DoorTest, AnswersStatusWhileTheRunThreadIsBusy) {
  std::mutex held;
  std::unique_lock busy(held);
  ASSERT_TRUE(run_worker_.post(
      {"a long capture", std::chrono::minutes(1), [&] { const std::lock_guard wait(held); }}));
  const BootTime asked = clock_.boot();
  EXPECT_EQ(asked_by(kRoot, command(StatusRequest{})).exit_code, ExitCode::kDone);
  EXPECT_LT(clock_.boot() - asked, std::chrono::milliseconds(100));
}

TEST_F(DoorTest, RefusesLabelsThatNameNoVersion) {
  for (const char* label : {"latest", "v2.4", "20240520", ""}) {
    const End end = asked_by(kRoot, command(SnapshotRequest{label, false, "", false}));
    EXPECT_EQ(end.exit_code, ExitCode::kUsage) << label;
  }
  EXPECT_TRUE(snapshots_.revisions().value().empty());
}

// Its answer would outgrow what a connection may hold, and the run waits for nobody to read it.
TEST_F(DoorTest, ARunTellsALongPlanInPartAndPlanTellsItWhole) {
  const std::size_t links = 10'050;
  const auto many = tree_.path() / "etc/app/many";
  std::filesystem::create_directories(many);
  for (std::size_t i = 0; i < links; ++i)
    std::filesystem::create_symlink("nowhere", many / std::to_string(i));
  ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, "", false})).exit_code,
            ExitCode::kDone);
  std::filesystem::remove_all(many);

  const auto ask = [&](const CommandBody& body) {
    std::vector<ReplyBody> replies;
    EXPECT_TRUE(send(kRoot, command(body)));
    EXPECT_EQ(end(nullptr, &replies).exit_code, ExitCode::kDone);
    return replies;
  };
  const auto steps = [](const std::vector<ReplyBody>& replies) {
    return std::ranges::count_if(
        replies, [](const auto& it) { return std::holds_alternative<PlanStep>(it); });
  };
  RollbackRequest back;
  back.to = "v1.0.0";
  back.dry_run = true;
  const auto told = ask(back);
  EXPECT_EQ(steps(told), 10'000);
  EXPECT_TRUE(std::ranges::any_of(told, [](const auto& it) {
    const auto* const line = std::get_if<Line>(&it);
    return line != nullptr && line->text.starts_with("51 more steps are not listed here");
  }));
  EXPECT_EQ(steps(ask(PlanRequest{"v1.0.0", false})), static_cast<std::ptrdiff_t>(links + 1));
}

}  // namespace
}  // namespace rollback
