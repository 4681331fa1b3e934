// SPDX-License-Identifier: Apache-2.0
// What keeps a run from going on: its time, an abort.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/exit_code.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GuardTest : public RollbackTest {
 protected:
  // As if `phase` took longer than any run may.
  void lose_time_in(RunPhase phase) {
    watcher_.hear = [this, phase, lost = false](const RunEvent& event) mutable {
      if (event.phase == phase && !std::exchange(lost, true))
        clock_.advance(std::chrono::minutes(6));
    };
  }
  RunRecord stored(const RunId& run) { return runs_->find(run.str()).value(); }
  void expect_restored(const RunRecord& record, const std::string& why) {
    EXPECT_EQ(record.outcome, RunOutcome::kRestored);
    EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kRestored));
    EXPECT_FALSE(record.changed);
    EXPECT_THAT(record.findings, Contains(HasSubstr(why)));
    expect_two();
    expect_clean();
  }
  void expect_forgotten(const RunRecord& record) {
    EXPECT_EQ(record.outcome, RunOutcome::kForgotten);
    EXPECT_EQ(record.exit_code, static_cast<int>(ExitCode::kTimedOut));
    EXPECT_FALSE(record.changed);
    EXPECT_THAT(record.findings, ElementsAre(HasSubstr("took longer than its 5 min")));
    EXPECT_THAT(services_.calls, ElementsAre());
    expect_two();
    expect_clean();
  }
};

class LateRun : public GuardTest, public ::testing::WithParamInterface<RunPhase> {};

TEST_P(LateRun, IsForgottenBeforeItChangesAnything) {
  lose_time_in(GetParam());
  const auto asked = order("v1.0.0");
  const auto prepared = engine_->prepare(asked, watcher_);
  if (prepared) {
    ASSERT_TRUE(engine_->commit(asked.run, prepared->plan_digest, watcher_));
  } else {
    EXPECT_EQ(prepared.error().code, ErrorCode::kTimeout) << prepared.error().message;
  }
  expect_forgotten(stored(asked.run));
}

INSTANTIATE_TEST_SUITE_P(InEachPhase, LateRun,
                         ::testing::Values(RunPhase::kPlanned, RunPhase::kPreflight,
                                           RunPhase::kStaged));

class LateChange : public GuardTest, public ::testing::WithParamInterface<RunPhase> {};

TEST_P(LateChange, IsTakenBack) {
  lose_time_in(GetParam());
  expect_restored(roll_back("v1.0.0").value(), "took longer than its 5 min");
}

INSTANTIATE_TEST_SUITE_P(InEachPhase, LateChange,
                         ::testing::Values(RunPhase::kQuiescing, RunPhase::kCommitting,
                                           RunPhase::kActivating));

TEST_F(GuardTest, ALeasedRunHasItsTimeFromTheCommitOn) {
  auto asked = order("v1.0.0");
  asked.lease = std::chrono::minutes(15);
  lose_time_in(RunPhase::kPlanned);
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  clock_.advance(std::chrono::minutes(10));  // its wave comes late
  const auto record = engine_->commit(asked.run, prepared->plan_digest, watcher_).value();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  expect_one();
}

TEST_F(GuardTest, AnAbortBeforeTheFirstChangeStopsNoUnit) {
  watcher_.aborted = true;
  expect_restored(roll_back("v1.0.0").value(), "aborted");
  EXPECT_THAT(services_.calls, ElementsAre());
}

}  // namespace
}  // namespace rollback
