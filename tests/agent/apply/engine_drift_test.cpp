// SPDX-License-Identifier: Apache-2.0
// What somebody changed since the deployed release was recorded, and runs that carry out exactly
// the plan that somebody looked at. v2.0.0 is deployed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/exit_code.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class DriftTest : public RollbackTest {
 protected:
  Result<RunRecord> roll_back_with(const std::string& to, DriftPolicy drift) {
    auto asked = order(to);
    asked.drift = drift;
    ROLLBACK_ASSIGN(const auto prepared, engine_->prepare(asked, watcher_));
    return engine_->commit(asked.run, prepared.plan_digest, watcher_);
  }
  Plan plan(const std::string& to, DriftPolicy drift = DriftPolicy::kOverwrite) {
    auto planned = engine_->plan(to, drift);
    EXPECT_TRUE(planned) << planned.error().message;
    return planned ? std::move(planned->plan) : Plan{};
  }
  Error refused_with(PrepareOrder asked) {
    const auto before = capture_now().content_root;
    const auto prepared = engine_->prepare(asked, watcher_);
    EXPECT_FALSE(prepared);
    EXPECT_EQ(capture_now().content_root, before);
    expect_clean();
    return prepared ? Error{} : prepared.error();
  }
};

std::string why_of(const Plan& plan, const std::string& subject) {
  for (const auto& step : plan.steps)
    if (step.subject == subject) return step.why;
  return "(no step)";
}

TEST_F(DriftTest, NothingIsSaidOfAHostThatIsAsItWasRecorded) {
  EXPECT_THAT(plan("v1.0.0").warnings, IsEmpty());
  EXPECT_THAT(why_of(plan("v1.0.0"), "/etc/app/app.conf"), Not(HasSubstr("since")));
}

TEST_F(DriftTest, IsNamedAndOverwrittenAndComesBackByUndo) {
  host_.write("etc/app/app.conf", "edited");
  const auto planned = plan("v1.0.0");
  EXPECT_THAT(planned.warnings,
              ElementsAre("1 path was changed since v2.0.0 was recorded and will be overwritten: "
                          "/etc/app/app.conf (the run keeps what is there now)"));
  EXPECT_EQ(why_of(planned, "/etc/app/app.conf"),
            "content differs; changed since v2.0.0 was recorded");
  EXPECT_THAT(why_of(planned, "/etc/app/only-two"), Not(HasSubstr("since")));
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  expect_one();
  ASSERT_TRUE(roll_back("run:" + record->id.str()));
  EXPECT_EQ(host_.read("etc/app/app.conf"), "edited");
}

TEST_F(DriftTest, WhatIsKeptStaysAndIsNoDifference) {
  host_.write("etc/app/app.conf", "edited");
  const auto record = roll_back_with("v1.0.0", DriftPolicy::kKeep);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(record->findings,
              ElementsAre("left as it was before the run (--drift keep): /etc/app/app.conf"));
  EXPECT_EQ(host_.read("etc/app/app.conf"), "edited");
  EXPECT_EQ(host_.read("etc/app/only-one"), "1");
  EXPECT_FALSE(std::filesystem::exists(host_.path() / "etc/app/only-two"));
}

// Neither release holds what was kept, so the store must take it before it can be gone back to.
TEST_F(DriftTest, WhatIsKeptBelongsToTheOriginToo) {
  host_.write("etc/app/app.conf", "edited");
  const auto record = roll_back_with("v1.0.0", DriftPolicy::kKeep);
  ASSERT_TRUE(record) << record.error().message;
  host_.write("etc/app/app.conf", "lost");
  ASSERT_TRUE(roll_back("run:" + record->id.str()));
  EXPECT_EQ(host_.read("etc/app/app.conf"), "edited");
}

TEST_F(DriftTest, AFileThatSomebodyAddedIsKeptWithItsDirectory) {
  host_.write("etc/app/new/inner/file", "mine");
  const auto record = roll_back_with("v1.0.0", DriftPolicy::kKeep);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(host_.read("etc/app/new/inner/file"), "mine");
  expect_one();
}

TEST_F(DriftTest, WhatSomebodyRemovedStaysAway) {
  host_.write("etc/app/dir/a", "a");
  host_.write("etc/app/dir/b", "b");
  snapshot("v3.0.0");
  std::filesystem::remove(host_.path() / "etc/app/dir/b");
  snapshot("v4.0.0");
  std::filesystem::remove_all(host_.path() / "etc/app/dir");
  const auto record = roll_back_with("v3.0.0", DriftPolicy::kKeep);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_FALSE(std::filesystem::exists(host_.path() / "etc/app/dir"));
}

TEST_F(DriftTest, AbortsByName) {
  host_.write("etc/app/app.conf", "edited");
  auto asked = order("v1.0.0");
  asked.drift = DriftPolicy::kAbort;
  const auto error = refused_with(asked);
  EXPECT_EQ(error.code, ErrorCode::kConflict);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("1 path was changed since v2.0.0 was recorded: /etc/app/app.conf"),
                    HasSubstr("--drift keep")));
  EXPECT_FALSE(engine_->plan("v1.0.0", DriftPolicy::kAbort));
  host_.write("etc/app/app.conf", "two");
  EXPECT_TRUE(engine_->plan("v1.0.0", DriftPolicy::kAbort));
}

// A deploy that nobody recorded: the deployed release is the one to go back to.
TEST_F(DriftTest, OfTheTargetItselfIsAllThatDiffers) {
  host_.write("etc/app/app.conf", "broken deploy");
  host_.write("etc/app/only-three", "3");
  EXPECT_THAT(plan("").warnings, Contains(HasSubstr("2 paths were changed since v2.0.0")));
  EXPECT_THAT(why_of(plan("v2.0.0"), "/etc/app/app.conf"), "content differs");
  const auto kept = plan("", DriftPolicy::kKeep);
  EXPECT_EQ(kept.to, "v2.0.0");  // not the release before it
  EXPECT_TRUE(kept.empty());
  EXPECT_THAT(kept.warnings, Contains(HasSubstr("left as now")));
  EXPECT_FALSE(engine_->plan("", DriftPolicy::kAbort));
}

TEST_F(DriftTest, FiveAreNamed) {
  for (int i = 0; i < 8; ++i) host_.write("etc/app/extra" + std::to_string(i), "x");
  EXPECT_THAT(plan("v1.0.0").warnings,
              Contains(AllOf(HasSubstr("8 paths were"), HasSubstr("/etc/app/extra4 and 3 more"))));
}

TEST_F(DriftTest, AHardLinkThatSomebodyMadeIsKept) {
  std::filesystem::create_hard_link(host_.path() / "etc/app/only-two",
                                    host_.path() / "etc/app/alias");
  const auto record = roll_back_with("v1.0.0", DriftPolicy::kKeep);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_TRUE(std::filesystem::equivalent(host_.path() / "etc/app/only-two",
                                          host_.path() / "etc/app/alias"));
}

TEST_F(DriftTest, AnotherPlanThanTheOneAskedForIsRefused) {
  auto asked = order("v1.0.0");
  asked.plan = engine_->plan("v1.0.0")->plan_digest;
  host_.write("etc/app/only-three", "3");
  const auto error = refused_with(asked);
  EXPECT_EQ(error.code, ErrorCode::kConflict);
  EXPECT_EQ(exit_code_of(error), ExitCode::kRefused);
  EXPECT_THAT(error.message, AllOf(HasSubstr("the host changed since plan"),
                                   HasSubstr("look at `rollbackctl plan --to v1.0.0` again")));
}

TEST_F(DriftTest, ThePlanAskedForIsCarriedOut) {
  auto asked = order("v1.0.0");
  asked.plan = engine_->plan("v1.0.0")->plan_digest;
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  ASSERT_TRUE(engine_->commit(asked.run, asked.plan, watcher_));
  expect_one();
}

TEST_F(DriftTest, TheDowntimeIsThatOfWhatRestarts) {
  const auto planned = engine_->plan("v1.0.0");
  ASSERT_TRUE(planned);
  EXPECT_GT(planned->downtime, Duration::zero());
  EXPECT_LT(planned->downtime, planned->estimate);
  options_.resources[0].restart_on.clear();
  restart_agent();
  EXPECT_EQ(engine_->plan("v1.0.0")->downtime, Duration::zero());
}

}  // namespace
}  // namespace rollback
