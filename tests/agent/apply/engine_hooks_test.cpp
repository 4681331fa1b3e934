// SPDX-License-Identifier: Apache-2.0
// The hooks around what interrupts a host: when they run, and what their failures mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/apply/recovery.h"
#include "agent/plan/hook_steps.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr const char* kDrain = "/bin/lb drain";
constexpr const char* kReadmit = "/bin/lb readmit";

// What hooks and units do is in `services_.calls`, in order.
class HooksTest : public RollbackTest {
 protected:
  HooksTest() {
    options_.hooks = {{{"/bin/lb", "drain"}}, {{"/bin/lb", "readmit"}}, std::chrono::seconds(30)};
    programs_.acts =
        [this](const ProgramRequest& request) -> std::optional<Result<ProgramOutcome>> {
      const auto command = command_text(request.argv);
      services_.calls.push_back(command);
      requests_.push_back(request);
      if (command == hangs_)
        return fail(ErrorCode::kTimeout, "/bin/lb was killed: not finished within 30.00 s");
      if (command == fails_) return ProgramOutcome{3, "asking\nno route to\x1b[2J lb1\n\n", false};
      return ProgramOutcome{};
    };
    restart_agent();
  }
  RunRecord rolled_back() { return roll_back("v1.0.0").value(); }
  RunRecord recovered() {
    restart_agent();
    return engine_->finish_interrupted(watcher_).value().value();
  }

  std::string fails_, hangs_;  // commands
  std::vector<ProgramRequest> requests_;
};

TEST_F(HooksTest, AreAroundWhatInterruptsTheHost) {
  std::optional<RunPhase> readmitted_in;
  watcher_.hear = [&](const RunEvent& event) {
    if (event.text == "the host is back in traffic") readmitted_in = event.phase;
  };
  const auto record = rolled_back();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kDone));
  EXPECT_THAT(record.findings, ElementsAre());
  EXPECT_THAT(services_.calls,
              ElementsAre(kDrain, "stop app.service", "start app.service", kReadmit));
  EXPECT_EQ(readmitted_in, RunPhase::kVerifying);
  ASSERT_EQ(requests_.size(), 2U);
  for (const auto& request : requests_) EXPECT_EQ(request.deadline, std::chrono::seconds(30));
  EXPECT_THAT(programs_.changed, ElementsAre(kDrain, kReadmit));
}

TEST_F(HooksTest, AreStepsOfThePlan) {
  const auto plan = engine_->plan("v1.0.0").value().plan;
  EXPECT_EQ(plan.steps.front(),
            (PlanStep{StepPhase::kQuiesce, StepAction::kDrain, kDrain, "hooks",
                      "takes the host out of traffic: stop of app.service interrupts it",
                      "the readmit hooks run"}));
  EXPECT_EQ(plan.steps.back(),
            (PlanStep{StepPhase::kVerify, StepAction::kReadmit, kReadmit, "hooks",
                      "takes the host back into traffic", "the drain hooks run"}));
  EXPECT_THAT(services_.calls, ElementsAre());
}

TEST_F(HooksTest, AreLeftOutWhereOnlyFilesChange) {
  options_.resources[0].restart_on.clear();
  restart_agent();
  EXPECT_EQ(rolled_back().outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(services_.calls, ElementsAre());
}

TEST_F(HooksTest, AreNotRunByADryRun) {
  auto asked = order("v1.0.0");
  asked.dry_run = true;
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  EXPECT_THAT(services_.calls, ElementsAre());
}

TEST_F(HooksTest, ThatCannotDrainStopTheRunBeforeAnythingIsTouched) {
  fails_ = kDrain;
  const auto record = rolled_back();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kRestored));
  EXPECT_FALSE(record.changed);
  EXPECT_THAT(record.findings, ElementsAre("drain: /bin/lb drain ended with 3", "drain: asking",
                                           "drain: no route to\\x1b[2J lb1",
                                           "the host could not be taken out of traffic"));
  EXPECT_THAT(services_.calls, ElementsAre(kDrain, kReadmit));
  expect_two();
  expect_clean();
}

TEST_F(HooksTest, ThatHangAreNoBetter) {
  hangs_ = kDrain;
  const auto record = rolled_back();
  EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kRestored));
  EXPECT_THAT(record.findings, Contains(HasSubstr("was killed: not finished within 30.00 s")));
  EXPECT_THAT(services_.calls, ElementsAre(kDrain, kReadmit));
}

TEST_F(HooksTest, ThatCannotReadmitLeaveTheReleaseAndAskForAHuman) {
  fails_ = kReadmit;
  const auto record = rolled_back();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kInconsistent));
  EXPECT_THAT(record.findings,
              IsSupersetOf({"readmit: /bin/lb readmit ended with 3", "readmit: asking",
                            "the host may get no traffic until this succeeds: /bin/lb readmit"}));
  expect_one();
  expect_clean();
  EXPECT_EQ(snapshots_->history()->back().outcome, RunOutcome::kSucceeded);
}

TEST_F(HooksTest, ThatFailDoNotKeepTheOthersFromReadmitting) {
  options_.hooks.readmit = {{"/bin/lb", "readmit"}, {"/bin/page", "all clear"}};
  fails_ = kReadmit;
  restart_agent();
  EXPECT_EQ(rolled_back().exit_code, static_cast<int>(ExitCode::kInconsistent));
  EXPECT_EQ(services_.calls.back(), "/bin/page all clear");
}

TEST_F(HooksTest, ReadmitAHostThatWasTakenBack) {
  prober_.green = [this] { return host_.read("etc/app/app.conf") == "two"; };
  const auto record = rolled_back();
  EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kRestored));
  EXPECT_THAT(services_.calls, ElementsAre(kDrain, "stop app.service", "start app.service",
                                           "stop app.service", "start app.service", kReadmit));
}

TEST_F(HooksTest, ThatCannotReadmitAHostThatWasTakenBackAskForAHuman) {
  prober_.green = [this] { return host_.read("etc/app/app.conf") == "two"; };
  fails_ = kReadmit;
  const auto record = rolled_back();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kInconsistent));
  expect_two();
}

TEST_F(HooksTest, KeepAHostOutThatIsNeitherRelease) {
  services_.fails_to_start = "app.service";
  const auto record = rolled_back();
  EXPECT_EQ(record.outcome, RunOutcome::kInconsistent);
  EXPECT_THAT(record.findings,
              Contains("the host stays out of traffic; when it is right, run /bin/lb readmit"));
  EXPECT_THAT(services_.calls, Not(Contains(kReadmit)));
}

TEST_F(HooksTest, DrainAgainWhenNobodyConfirms) {
  auto asked = order("v1.0.0");
  asked.confirm = std::chrono::minutes(1);
  const auto prepared = engine_->prepare(asked, watcher_).value();
  const auto record = engine_->commit(asked.run, prepared.plan_digest, watcher_).value();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_THAT(services_.calls,
              ElementsAre(kDrain, "stop app.service", "start app.service", kReadmit, kDrain,
                          "stop app.service", "start app.service", kReadmit));
}

TEST_F(HooksTest, HaveNoMoreTimeThanTheRun) {
  options_.hooks.timeout = std::chrono::minutes(10);
  restart_agent();
  (void)rolled_back();
  EXPECT_EQ(requests_.front().deadline, std::chrono::minutes(5));
}

class HooksCrash : public HooksTest, public ::testing::WithParamInterface<RunPhase> {};

TEST_P(HooksCrash, LeavesNoHostDrained) {
  watcher_.crash_at = GetParam();
  EXPECT_THROW((void)roll_back("v1.0.0"), std::runtime_error);
  watcher_.crash_at.reset();
  services_.calls.clear();
  options_.hooks.readmit = {{"/bin/other"}};  // the run has its own
  const auto record = recovered();
  EXPECT_NE(record.outcome, RunOutcome::kInconsistent);
  EXPECT_EQ(services_.calls.back(), kReadmit);
  EXPECT_THAT(services_.calls, Not(Contains("/bin/other")));
  expect_clean();
}

INSTANTIATE_TEST_SUITE_P(AtEachPhase, HooksCrash,
                         ::testing::Values(RunPhase::kQuiescing, RunPhase::kCommitting,
                                           RunPhase::kActivating, RunPhase::kGating,
                                           RunPhase::kVerifying, RunPhase::kVerified));

// It was readmitted to be confirmed; then its units are stopped again.
TEST_F(HooksTest, DrainAgainWhatTheSecondRebootTakesBack) {
  die_waiting();
  restart_agent("boot 2");
  watcher_.dies_while_waiting = true;
  EXPECT_THROW((void)engine_->finish_interrupted(watcher_), std::runtime_error);
  watcher_.dies_while_waiting = false;
  ASSERT_TRUE(recover_files(LiveFiles(root_), state_, "boot 3"));
  restart_agent("boot 3");
  services_.calls.clear();
  EXPECT_EQ(engine_->finish_interrupted(watcher_).value().value().outcome, RunOutcome::kRestored);
  ASSERT_GT(services_.calls.size(), 2U);
  EXPECT_EQ(services_.calls.front(), kDrain);
  EXPECT_EQ(services_.calls.back(), kReadmit);
  expect_clean();
}

TEST_F(HooksTest, ThatCannotReadmitAfterACrashAskForAHuman) {
  watcher_.crash_at = RunPhase::kVerified;
  EXPECT_THROW((void)roll_back("v1.0.0"), std::runtime_error);
  watcher_.crash_at.reset();
  fails_ = kReadmit;
  const auto record = recovered();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kInconsistent));
}

TEST_F(HooksTest, AreNotRunForARunThatWasForgotten) {
  ASSERT_TRUE(engine_->prepare(order("v1.0.0"), watcher_));
  EXPECT_EQ(recovered().outcome, RunOutcome::kForgotten);
  EXPECT_THAT(services_.calls, ElementsAre());
}

}  // namespace
}  // namespace rollback
