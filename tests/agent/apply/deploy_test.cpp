// SPDX-License-Identifier: Apache-2.0
// A deploy around somebody else's command: recorded before, gated after, taken back when it fails.
#include "agent/apply/deploy.h"

#include "agent/apply/recovery.h"
#include "tests/agent/apply/engine_fixture.h"
#include "tests/support/fake_scopes.h"

namespace rollback {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class DeployTest : public RollbackTest {
 protected:
  DeployTest() { restart_deploys("boot 1"); }

  void restart_deploys(const std::string& boot) {
    restart_agent(boot);
    deploys_ = std::make_unique<DeployEngine>(deps(boot), live(), *engine_, scopes_);
    const auto resumed = deploys_->resume();
    if (!resumed) throw std::runtime_error(resumed.error().message);
  }

  DeployOrder deploy_order(std::uint32_t pid = 77) {
    return {RunId::make(random_),
            *ReleaseLabel::parse("v3.0.0"),
            "abc123",
            "root (uid 0)",
            "why",
            pid,
            std::chrono::minutes(10)};
  }
  RunId begin(std::uint32_t pid = 77) {
    auto order = deploy_order(pid);
    const auto record = deploys_->begin(order, watcher_);
    EXPECT_TRUE(record) << record.error().message;
    return order.run;
  }
  // What a broken v3.0.0 leaves: a change, a removal, a directory nobody recorded.
  void deploy_files() {
    host_.write("etc/app/app.conf", "three");
    host_.write("etc/app/new/left", "x");
    std::filesystem::remove(host_.path() / "etc/app/only-two");
  }
  RunRecord end(const DeployEnd& how) {
    scopes_.scopes.clear();  // the command is over
    auto record = deploys_->end(how, watcher_);
    EXPECT_TRUE(record) << record.error().message;
    return record ? *record : RunRecord{};
  }
  ReleaseStatus status_of(const std::string& name) {
    const auto known = *snapshots_->statuses();
    for (const auto& it : known)
      if (it.revision.name.str() == name) return it.status;
    throw std::runtime_error("no revision " + name);
  }
  HistoryEntry last_entry() { return snapshots_->history()->back(); }
  void expect_taken_back() {
    expect_two();
    EXPECT_FALSE(std::filesystem::exists(host_.path() / "etc/app/new"));
    EXPECT_FALSE(deploys_->open());
    EXPECT_FALSE(*runs_->open_deploy());
    EXPECT_EQ(status_of("v2.0.0"), ReleaseStatus::kDeployed);
    expect_clean();
  }

  FakeScopes scopes_;
  std::unique_ptr<DeployEngine> deploys_;
};

TEST_F(DeployTest, ThatEndsWellIsRecorded) {
  const auto run = begin();
  EXPECT_EQ(scopes_.scopes.count(scope_of(run)), 1U);
  EXPECT_EQ(engine_->holder(), run);
  deploy_files();
  const auto record = end({false, 0, ""});
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(record.exit_code, 0);
  EXPECT_EQ(record.command_exit, 0);
  EXPECT_EQ(record.phase, RunPhase::kDone);
  EXPECT_EQ(record.finished, clock_.wall());
  EXPECT_EQ(record.from, "v2.0.0");
  EXPECT_EQ(record.to, "v3.0.0");
  EXPECT_EQ(status_of("v3.0.0"), ReleaseStatus::kDeployed);
  EXPECT_EQ(last_entry().action, HistoryAction::kDeploy);
  EXPECT_EQ(last_entry().run, run.str());
  EXPECT_EQ(snapshots_->revisions()->back().git_ref, "abc123");
  EXPECT_FALSE(engine_->holder());
  // The way back is the origin that was recorded before.
  ASSERT_TRUE(roll_back("run:" + run.str()));
  expect_two();
}

TEST_F(DeployTest, ThatFailsIsTakenBackWithAllThatItLeft) {
  begin();
  deploy_files();
  const auto record = end({false, 3, ""});
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_EQ(record.exit_code, 4);
  EXPECT_EQ(record.command_exit, 3);
  EXPECT_THAT(record.findings, Contains("the command ended with 3"));
  expect_taken_back();
  // What it was is kept for whoever wants to know why.
  EXPECT_EQ(status_of("v3.0.0"), ReleaseStatus::kFailed);
  EXPECT_EQ(last_entry().outcome, RunOutcome::kRestored);
  const auto again = roll_back("v3.0.0");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
}

TEST_F(DeployTest, ARedGateSaysWhyAndTakesBack) {
  begin();
  deploy_files();
  prober_.green = [this] { return host_.read("etc/app/app.conf") != "three"; };
  const auto record = end({false, 0, ""});
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_THAT(record.findings, Contains(HasSubstr("HTTP 502")));
  EXPECT_THAT(record.findings, Contains("the gate is red"));
  expect_taken_back();
}

TEST_F(DeployTest, AUnitThatItLeavesDeadIsNoGoodEnd) {
  begin();
  deploy_files();
  services_.units.at("app.service").active_state = "failed";
  const auto record = end({false, 0, ""});
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_THAT(record.findings, Contains(HasSubstr("app.service")));
  EXPECT_EQ(services_.units.at("app.service").active_state, "active");
  expect_taken_back();
}

TEST_F(DeployTest, CanBeLeftAsItIs) {
  auto order = deploy_order();
  order.undo = false;
  ASSERT_TRUE(deploys_->begin(order, watcher_));
  deploy_files();
  const auto record = end({false, 1, ""});
  EXPECT_EQ(record.outcome, RunOutcome::kFailed);
  EXPECT_EQ(record.exit_code, 6);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "three");
  EXPECT_EQ(status_of("v3.0.0"), ReleaseStatus::kFailed);
  EXPECT_EQ(status_of("v2.0.0"), ReleaseStatus::kAvailable);
  ASSERT_TRUE(roll_back("run:" + order.run.str()));
  expect_two();
}

TEST_F(DeployTest, AnAbortedOneIsEndedAndTakenBack) {
  const auto run = begin();
  deploy_files();
  services_.add(scope_of(run), true);
  const auto record = deploys_->end({true, std::nullopt, ""}, watcher_);
  ASSERT_TRUE(record);
  EXPECT_THAT(services_.calls, Contains("stop " + scope_of(run)));
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_FALSE(record->command_exit);
  expect_taken_back();
}

TEST_F(DeployTest, ThatChangedNothingManagedEndsRestored) {
  begin();
  const auto record = end({false, 1, ""});
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  expect_taken_back();
}

TEST_F(DeployTest, HoldsTheHost) {
  const auto run = begin();
  const auto prepared = engine_->prepare(order("v1.0.0"), watcher_);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::kBusy);
  EXPECT_THAT(prepared.error().message, HasSubstr("deploy abort " + run.str()));
  const auto second = deploys_->begin(deploy_order(), watcher_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  (void)end({false, 0, ""});
  ASSERT_TRUE(roll_back("v1.0.0"));
}

TEST_F(DeployTest, WithoutAScopeIsRefusedAndHoldsNothing) {
  scopes_.fails = true;
  const auto record = deploys_->begin(deploy_order(), watcher_);
  ASSERT_FALSE(record);
  EXPECT_FALSE(deploys_->open());
  EXPECT_FALSE(engine_->holder());
  EXPECT_EQ(runs_->newest(1)->front().outcome, RunOutcome::kRefused);
}

TEST_F(DeployTest, WhoseSessionDiesIsTakenBackOnceItsCommandIsOver) {
  const auto run = begin();
  deploy_files();
  clock_.advance(std::chrono::minutes(1));
  EXPECT_FALSE(deploys_->overdue());  // its command works
  scopes_.scopes.clear();
  EXPECT_FALSE(deploys_->overdue());  // whoever ran it has some time to tell
  clock_.advance(std::chrono::seconds(11));
  const auto over = deploys_->overdue();
  ASSERT_TRUE(over);
  EXPECT_THAT(over->why, HasSubstr("without telling"));
  EXPECT_EQ(end(*over).outcome, RunOutcome::kRestored);
  EXPECT_EQ(runs_->find(run.str())->outcome, RunOutcome::kRestored);
  expect_taken_back();
}

TEST_F(DeployTest, HasADeadline) {
  begin(0);
  deploy_files();
  clock_.advance(std::chrono::minutes(9));
  EXPECT_FALSE(deploys_->overdue());
  clock_.advance(std::chrono::minutes(2));
  const auto over = deploys_->overdue();
  ASSERT_TRUE(over);
  EXPECT_THAT(over->why, HasSubstr("--timeout"));
  EXPECT_EQ(end(*over).outcome, RunOutcome::kRestored);
  expect_taken_back();
}

TEST_F(DeployTest, GoesOnWhenTheAgentIsRestarted) {
  const auto run = begin();
  deploy_files();
  restart_deploys("boot 1");
  ASSERT_TRUE(deploys_->open());
  EXPECT_EQ(engine_->holder(), run);
  EXPECT_FALSE(deploys_->overdue());
  EXPECT_EQ(end({false, 0, ""}).outcome, RunOutcome::kSucceeded);
}

TEST_F(DeployTest, IsTakenBackAfterAReboot) {
  begin();
  deploy_files();
  restart_deploys("boot 2");
  const auto over = deploys_->overdue();
  ASSERT_TRUE(over);
  EXPECT_THAT(over->why, HasSubstr("restarted"));
  EXPECT_EQ(end(*over).outcome, RunOutcome::kRestored);
  expect_taken_back();
}

// The agent dies at each event of the end; the next one decides the same.
TEST_F(DeployTest, EndsTheSameWhenTheAgentDiesMeanwhile) {
  for (const std::int32_t code : {0, 7}) {
    for (const auto phase : {RunPhase::kGating, RunPhase::kUndoing, RunPhase::kCommitting}) {
      if (code == 0 && phase != RunPhase::kGating) continue;
      begin();
      deploy_files();
      watcher_.crash_at = phase;
      scopes_.scopes.clear();
      EXPECT_THROW((void)deploys_->end({false, code, ""}, watcher_), std::runtime_error);
      watcher_.crash_at.reset();
      restart_deploys("boot 1");
      const auto recovered = recover_files(LiveFiles(root_), state_);
      ASSERT_TRUE(recovered) << recovered.error().message;
      ASSERT_TRUE(engine_->finish_interrupted(watcher_));
      const auto over = deploys_->overdue();
      ASSERT_TRUE(over);
      const auto record = end(*over);
      EXPECT_EQ(record.command_exit, code);
      if (code == 0) {
        EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
        ASSERT_TRUE(roll_back("v2.0.0@1"));
        ASSERT_TRUE(snapshots_->append_history([] {
          HistoryEntry entry;
          entry.action = HistoryAction::kUnblock;
          entry.to = "v3.0.0";
          return entry;
        }()));
      } else {
        EXPECT_EQ(record.outcome, RunOutcome::kRestored);
        EXPECT_THAT(record.findings, Contains("the command ended with 7"));
      }
      expect_taken_back();
    }
  }
}

}  // namespace
}  // namespace rollback
