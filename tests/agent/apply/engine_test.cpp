// SPDX-License-Identifier: Apache-2.0
// Whole runs on a real file system and a real store; units and probes are fakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <stdexcept>
#include <utility>

#include "agent/apply/recovery.h"
#include "model/exit_code.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(RollbackTest, EndsOnTheTargetVerified) {
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(record->exit_code, static_cast<int>(ExitCode::kDone));
  EXPECT_TRUE(record->changed);
  EXPECT_EQ(record->from, "v2.0.0");
  EXPECT_THAT(record->findings, ElementsAre());
  expect_one();
  expect_clean();
  EXPECT_THAT(services_.calls, ElementsAre("stop app.service", "start app.service"));
  const auto history = snapshots_->history();
  ASSERT_TRUE(history);
  EXPECT_EQ(history->back().run, record->id.str());
  EXPECT_EQ(history->back().outcome, RunOutcome::kSucceeded);
}

TEST_F(RollbackTest, CanBeUndoneFromWhatItReplaced) {
  host_.write("etc/app/app.conf", "an edit nobody recorded");
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  expect_one();
  const auto undone = roll_back("run:" + record->id.str());
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(undone->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "an edit nobody recorded");
}

TEST_F(RollbackTest, ChangesNothingOnTheTarget) {
  ASSERT_TRUE(roll_back("v1.0.0"));
  services_.calls.clear();
  const auto again = roll_back("v1.0.0");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->outcome, RunOutcome::kSucceeded);
  EXPECT_FALSE(again->changed);
  EXPECT_THAT(services_.calls, ElementsAre());
  expect_clean();
}

TEST_F(RollbackTest, GoesBackToItsOriginWhenTheGateIsRed) {
  prober_.green = [this] { return host_.read("etc/app/app.conf") == "two"; };
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_EQ(record->exit_code, static_cast<int>(ExitCode::kRestored));
  EXPECT_THAT(record->findings, Contains(HasSubstr("HTTP 502")));
  expect_two();
  expect_clean();
  EXPECT_THAT(services_.calls, ElementsAre("stop app.service", "start app.service",
                                           "stop app.service", "start app.service"));
}

TEST_F(RollbackTest, GoesBackToAnOriginThatWasRedItself) {
  prober_.green = [] { return false; };
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  expect_two();
}

TEST_F(RollbackTest, SaysWhatIsInconsistent) {
  services_.fails_to_start = "app.service";
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kInconsistent);
  EXPECT_EQ(record->exit_code, static_cast<int>(ExitCode::kInconsistent));
  EXPECT_THAT(record->findings, Contains(HasSubstr("app.service is inactive")));
  expect_two();
}

TEST_F(RollbackTest, RefusesAnUnknownRelease) {
  EXPECT_EQ(refused("v9.9.9").code, ErrorCode::kNotFound);
}

TEST_F(RollbackTest, RefusesAReleaseWithAMissingContent) {
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(sha256("one").view()), std::nullopt}},
                               Durability::kSynced));
  const auto error = refused("v1.0.0");
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("/etc/app/app.conf"));
}

TEST_F(RollbackTest, RefusesAReleaseWithABrokenContent) {
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(sha256("one").view()), "garbage"}},
                               Durability::kSynced));
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("/etc/app/app.conf"));
}

TEST_F(RollbackTest, RefusesAConfigurationThatWouldNotBeValid) {
  host_.write("etc/app/invalid", "");
  snapshot("v3.0.0");
  std::filesystem::remove(host_.path() / "etc/app/invalid");
  EXPECT_THAT(refused("v3.0.0").message, HasSubstr("invalid is there"));
}

TEST_F(RollbackTest, TakesABrokenCurrentConfigurationAsNoObstacle) {
  host_.write("etc/app/invalid", "");
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
}

TEST_F(RollbackTest, RefusesWhileAProbeForBeforeIsRed) {
  options_.health[0].before = true;
  prober_.green = [] { return false; };
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("HTTP 502"));
}

TEST_F(RollbackTest, RefusesADirectoryThatHoldsWhatIsNotManaged) {
  std::filesystem::create_directories(host_.path() / "etc/app/new/.rollback");
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("/etc/app/new/.rollback"));
}

TEST_F(RollbackTest, CommitsNothingOnAHostThatChangedSince) {
  const auto asked = order("v1.0.0");
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared);
  host_.write("etc/app/only-two", "edited");
  const auto record = engine_->commit(asked.run, prepared->plan_digest, watcher_);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, ErrorCode::kConflict);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "two");
  expect_clean();
}

TEST_F(RollbackTest, CommitsNoOtherPlan) {
  const auto asked = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  EXPECT_FALSE(engine_->commit(asked.run, sha256("another"), watcher_));
  expect_two();
}

TEST_F(RollbackTest, HoldsTheHostWhilePrepared) {
  const auto first = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(first, watcher_));
  const auto second = engine_->prepare(order("v1.0.0"), watcher_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_THAT(second.error().message, HasSubstr(first.run.str()));
  ASSERT_TRUE(engine_->forget(first.run));
  expect_clean();
}

TEST_F(RollbackTest, ForgetsAfterTheLease) {
  auto asked = order("v1.0.0");
  asked.lease = std::chrono::minutes(15);
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  ASSERT_TRUE(engine_->forget_expired());
  EXPECT_TRUE(engine_->holder());
  clock_.advance(std::chrono::minutes(16));
  ASSERT_TRUE(engine_->forget_expired());
  expect_clean();
  expect_two();
}

TEST_F(RollbackTest, LeavesNothingBehindAfterADryRun) {
  auto asked = order("v1.0.0");
  asked.dry_run = true;
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_FALSE(prepared->plan.empty());
  expect_clean();
  expect_two();
  EXPECT_FALSE(runs_->find(asked.run.str()));
}

TEST_F(RollbackTest, ForgetsAPreparedRunAfterACrash) {
  const auto asked = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  restart_agent();
  EXPECT_EQ(engine_->holder(), asked.run);
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kForgotten);
  expect_clean();
  expect_two();
}

class CrashedRollback : public RollbackTest, public ::testing::WithParamInterface<RunPhase> {};

TEST_P(CrashedRollback, IsTakenBackWithItsUnits) {
  watcher_.crash_at = GetParam();
  EXPECT_THROW((void)roll_back("v1.0.0"), std::runtime_error);
  watcher_.crash_at.reset();
  restart_agent();
  ASSERT_TRUE(recover_files(LiveFiles(root_), state_));
  expect_two();
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kRestored);
  EXPECT_EQ((*record)->exit_code, static_cast<int>(ExitCode::kRestored));
  EXPECT_EQ(services_.units["app.service"].active_state, "active");
  expect_clean();
  const auto nothing = engine_->finish_interrupted(watcher_);
  EXPECT_TRUE(nothing && !*nothing);
}

INSTANTIATE_TEST_SUITE_P(AtEachPhase, CrashedRollback,
                         ::testing::Values(RunPhase::kQuiescing, RunPhase::kCommitting,
                                           RunPhase::kActivating, RunPhase::kGating,
                                           RunPhase::kVerifying));

TEST_F(RollbackTest, IsConfirmedAfterACrashBehindItsVerification) {
  watcher_.crash_at = RunPhase::kVerified;
  EXPECT_THROW((void)roll_back("v1.0.0"), std::runtime_error);
  watcher_.crash_at.reset();
  restart_agent();
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kSucceeded);
  expect_one();
  expect_clean();
  const auto undone = roll_back("run:" + (*record)->id.str());
  ASSERT_TRUE(undone) << undone.error().message;
  expect_two();
}

TEST_F(RollbackTest, KeepsWhatSomebodyElseWroteDuringTheGate) {
  bool written = false;
  prober_.green = [&] {
    if (host_.read("etc/app/app.conf") != "one") return true;  // before the commit
    if (!std::exchange(written, true)) {
      host_.write("etc/new", "renewed meanwhile");
      std::filesystem::rename(host_.path() / "etc/new", host_.path() / "etc/app/app.conf");
    }
    return false;
  };
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "two");
  EXPECT_THAT(record.findings, Contains(HasSubstr("kept-" + record.id.str())));
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(host_.path()))
    if (entry.path().extension() == ".found")
      found.push_back(host_.read(std::filesystem::relative(entry.path(), host_.path()).string()));
  EXPECT_THAT(found, ElementsAre("renewed meanwhile"));
}

TEST_F(RollbackTest, RefusesToWriteOverWhatIsNotManaged) {
  host_.write("etc/app/app.conf", "three");
  std::filesystem::remove(host_.path() / "etc/app/only-two");
  ASSERT_EQ(mkfifo((host_.path() / "etc/app/only-one").c_str(), 0600), 0);
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("/etc/app/only-one"));
}

}  // namespace
}  // namespace rollback
