// SPDX-License-Identifier: Apache-2.0
// Through the door: facts of the host, plans that somebody looked at, drift.
#include <gmock/gmock.h>

#include "protocol/json.h"
#include "tests/agent/service/door_fixture.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

class PlanVerbs : public DoorTest {
 protected:
  PlanVerbs() {
    options_.gate.soak = Duration{};
    options_.facts = {{"schema", {"/bin/schema"}}};
    programs_.prints["/bin/schema"] = "41";
  }
  // The End, and all as JSON, one a line.
  End ask(CommandBody body) {
    std::vector<ReplyBody> replies;
    EXPECT_TRUE(send(kRoot, command(std::move(body))));
    const End last = end(nullptr, &replies);
    said_.clear();
    for (const auto& reply : replies) said_ += to_json(Reply{{}, 1, "", reply}) + "\n";
    plan_ = {};
    for (const auto& reply : replies)
      if (const auto* const item = std::get_if<PlanItem>(&reply)) plan_ = *item;
    return last;
  }
  void record(const std::string& release) {
    ASSERT_EQ(ask(SnapshotRequest{release, false, ""}).exit_code, ExitCode::kDone) << said_;
  }

  std::string said_;
  PlanItem plan_;
};

TEST_F(PlanVerbs, AFactIsRecordedAndShownAndDiffers) {
  record("v1.0.0");
  programs_.prints["/bin/schema"] = "42";
  record("v2.0.0");
  ASSERT_EQ(ask(ShowRequest{"v1.0.0", false}).exit_code, ExitCode::kDone);
  EXPECT_THAT(said_, HasSubstr(R"("facts":{"schema":"41"})"));
  ASSERT_EQ(ask(DiffRequest{"v1.0.0", "v2.0.0", false}).exit_code, ExitCode::kDone);
  EXPECT_THAT(said_, AllOf(HasSubstr("fact schema"), HasSubstr("41 -> 42")));
}

TEST_F(PlanVerbs, AFactThatCannotBeReadRefusesTheSnapshot) {
  programs_.prints.clear();
  const End refused = ask(SnapshotRequest{"v1.0.0", false, ""});
  EXPECT_EQ(refused.exit_code, ExitCode::kRefused);
  EXPECT_THAT(refused.error->message,
              AllOf(HasSubstr("the fact schema cannot be read"), HasSubstr("--unhealthy-ok")));
  EXPECT_EQ(ask(SnapshotRequest{"v1.0.0", true, ""}).exit_code, ExitCode::kDone);
  EXPECT_THAT(said_, HasSubstr("the fact schema cannot be read"));
}

TEST_F(PlanVerbs, ARollbackIsRefusedUntilItsFactIsAccepted) {
  record("v1.0.0");
  tree_.write("etc/app/app.conf", "two");
  programs_.prints["/bin/schema"] = "42";
  RollbackRequest back;
  back.to = "v1.0.0";
  EXPECT_EQ(ask(back).exit_code, ExitCode::kRefused);
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "two");
  back.accept_facts = {"schema"};
  EXPECT_EQ(ask(back).exit_code, ExitCode::kDone) << said_;
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "one");
}

TEST_F(PlanVerbs, OnlyThePlanThatWasLookedAtIsCarriedOut) {
  record("v1.0.0");
  tree_.write("etc/app/app.conf", "two");
  ASSERT_EQ(ask(PlanRequest{"v1.0.0", false}).exit_code, ExitCode::kDone);
  RollbackRequest back;
  back.to = plan_.plan.to;
  back.plan = plan_.digest;
  tree_.write("etc/app/extra", "since then");
  const End refused = ask(back);
  EXPECT_EQ(refused.exit_code, ExitCode::kRefused);
  EXPECT_THAT(refused.error->message, HasSubstr("the host changed since plan"));
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "two");
  std::filesystem::remove(tree_.path() / "etc/app/extra");
  EXPECT_EQ(ask(back).exit_code, ExitCode::kDone) << said_;
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "one");
}

TEST_F(PlanVerbs, DriftIsKeptWhenAskedTo) {
  record("v1.0.0");
  tree_.write("etc/app/app.conf", "edited");
  ASSERT_EQ(ask(PlanRequest{"v1.0.0", false, DriftPolicy::kKeep}).exit_code, ExitCode::kDone);
  EXPECT_EQ(plan_.drift, DriftPolicy::kKeep);
  EXPECT_THAT(plan_.plan.warnings, Contains(HasSubstr("left as now (--drift keep)")));
  RollbackRequest back;
  back.to = "v1.0.0";
  back.drift = DriftPolicy::kAbort;
  EXPECT_EQ(ask(back).exit_code, ExitCode::kRefused);
  back.drift = DriftPolicy::kKeep;
  EXPECT_EQ(ask(back).exit_code, ExitCode::kDone);
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "edited");
}

TEST_F(PlanVerbs, ConfigCheckReadsFacts) {
  (void)ask(ConfigCheckRequest{});
  EXPECT_THAT(said_, HasSubstr("the fact schema is 41"));
}

}  // namespace
}  // namespace rollback
