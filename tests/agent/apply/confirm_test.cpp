// SPDX-License-Identifier: Apache-2.0
// A run that is taken back unless somebody confirms it in time.
#include <set>

#include "agent/apply/recovery.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfirmTest : public RollbackTest {
 protected:
  // As at a start of the agent in that boot, after what rollback-recover does there.
  RunRecord start_again(const std::string& boot) {
    restart_agent(boot);
    EXPECT_TRUE(recover_files(LiveFiles(root_), state_, boot));
    const auto record = engine_->finish_interrupted(watcher_);
    EXPECT_TRUE(record) << record.error().message;
    if (!record || !*record) return {};
    return **record;
  }
};

TEST_F(ConfirmTest, ConfirmedItStays) {
  watcher_.confirms = true;
  const auto began = clock_.boot();
  const auto record = roll_back_unless_confirmed();
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  ASSERT_TRUE(watcher_.asked_until);
  EXPECT_GE(*watcher_.asked_until, began + kWindow);
  expect_one();
  expect_clean();
}

TEST_F(ConfirmTest, ForgottenItIsTakenBack) {
  const auto record = roll_back_unless_confirmed();
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_EQ(record->exit_code, 4);
  EXPECT_THAT(record->findings, Contains(HasSubstr("nobody confirmed")));
  expect_two();
  expect_clean();
}

TEST_F(ConfirmTest, AbortedItIsTakenBackAtOnce) {
  watcher_.hear = [this](const RunEvent& event) {
    if (event.phase == RunPhase::kConfirming) watcher_.aborted = true;
  };
  const auto record = roll_back_unless_confirmed();
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_THAT(record->findings, Contains(HasSubstr("aborted")));
  expect_two();
}

TEST_F(ConfirmTest, WithoutATimeNobodyIsAsked) {
  ASSERT_TRUE(roll_back("v1.0.0"));
  EXPECT_FALSE(watcher_.asked_until);
}

// As a coordinator begins a run: with a lease.
class ContactTest : public ConfirmTest {
 protected:
  void SetUp() override {
    ConfirmTest::SetUp();
    options_.coordinators = {{"tcp://10.0.0.1:7400", "tcp://10.0.0.1:7401", {}}};
    options_.witnesses = {"10.0.0.9:22"};
    prober_.reached = [this](const ProbeSpec& spec) {
      asked_for_.insert(spec.target);
      asked_as_.insert(spec.kind);
      return reachable_.contains(spec.target);
    };
  }
  Result<RunRecord> roll_back_unless_cut_off() {
    lease_ = std::chrono::minutes(15);
    return roll_back_unless_confirmed();
  }
  std::set<std::string> asked_for_;
  std::set<ProbeKind> asked_as_;
  std::set<std::string> reachable_;
};

TEST_F(ContactTest, WithAnyOfThemItStays) {
  for (const std::string who : {"10.0.0.1:7400", "10.0.0.9:22"}) {
    reachable_ = {who};
    const auto began = clock_.boot();
    const auto record = roll_back_unless_cut_off();
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(record->outcome, RunOutcome::kSucceeded) << who;
    EXPECT_LT(clock_.boot(), began + kWindow);
    ASSERT_TRUE(roll_back("run:" + asked_.run.str()));
  }
  EXPECT_THAT(asked_for_, ElementsAre("10.0.0.1:7400", "10.0.0.9:22"));
}

// A firewall may refuse in anybody's name; a coordinator that is being restarted is refused, too.
TEST_F(ContactTest, ARefusalCountsOnlyWithoutWitnesses) {
  reachable_ = {"10.0.0.1:7400"};
  ASSERT_TRUE(roll_back_unless_cut_off());
  EXPECT_THAT(asked_as_, ElementsAre(ProbeKind::kTcp));
  ASSERT_TRUE(roll_back("run:" + asked_.run.str()));
  asked_as_.clear();
  options_.witnesses.clear();
  ASSERT_TRUE(roll_back_unless_cut_off());
  EXPECT_THAT(asked_as_, ElementsAre(ProbeKind::kReach));
}

TEST_F(ContactTest, MayComeLate) {
  const auto until = clock_.boot() + kWindow;
  prober_.reached = [&](const ProbeSpec&) {
    return clock_.boot() > until - std::chrono::seconds(30);
  };
  const auto record = roll_back_unless_cut_off();
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
}

TEST_F(ContactTest, WithoutAnyItIsTakenBackAndSaysWhomItAsked) {
  const auto record = roll_back_unless_cut_off();
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_THAT(record->findings, Contains(AllOf(HasSubstr("reached nobody for 2 min"),
                                               HasSubstr("the coordinator tcp://10.0.0.1:7400"),
                                               HasSubstr("the witness 10.0.0.9:22"))));
  expect_two();
  expect_clean();
}

TEST_F(ContactTest, SomebodyMayConfirmWithoutIt) {
  watcher_.confirms = true;
  const auto record = roll_back_unless_cut_off();
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
}

TEST_F(ContactTest, IsLookedForByTheNextAgentToo) {
  lease_ = std::chrono::minutes(15);
  die_waiting();
  reachable_ = {"10.0.0.1:7400"};
  EXPECT_EQ(start_again("boot 1").outcome, RunOutcome::kSucceeded);
  expect_one();
  expect_clean();
}

TEST_F(ContactTest, IsNoMatterOfARunThatSomebodyBegan) {
  reachable_ = {"10.0.0.1:7400", "10.0.0.9:22"};
  const auto record = roll_back_unless_confirmed();
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_THAT(asked_for_, IsEmpty());
}

TEST_F(ConfirmTest, OutlivesTheAgentWithTheTimeItHad) {
  die_waiting();
  const auto until = *watcher_.asked_until;
  clock_.advance(std::chrono::seconds(50));
  watcher_.confirms = true;
  const auto record = start_again("boot 1");
  EXPECT_EQ(watcher_.asked_until, until);
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  expect_one();
  expect_clean();
  // Its origin was kept, so it can be undone.
  ASSERT_TRUE(roll_back("run:" + asked_.run.str()));
  expect_two();
}

TEST_F(ConfirmTest, OfADeadAgentIsTakenBackWhenItsTimeIsUp) {
  die_waiting();
  clock_.advance(std::chrono::minutes(3));
  const auto record = start_again("boot 1");
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  expect_two();
  EXPECT_EQ(services_.units.at("app.service").active_state, "active");
  expect_clean();
}

TEST_F(ConfirmTest, OutlivesOneRebootWithAllOfItsTime) {
  die_waiting();
  clock_.advance(std::chrono::minutes(30));  // also the clock of another boot
  const auto now = clock_.boot();
  watcher_.confirms = true;
  const auto record = start_again("boot 2");
  EXPECT_EQ(*watcher_.asked_until, now + kWindow);
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  expect_one();
  expect_clean();
}

TEST_F(ConfirmTest, IsTakenBackAtTheSecondReboot) {
  die_waiting();
  watcher_.dies_while_waiting = true;
  restart_agent("boot 2");
  EXPECT_THROW((void)engine_->finish_interrupted(watcher_), std::runtime_error);
  watcher_.dies_while_waiting = false;
  expect_one();
  // Before anything starts in the third boot.
  const auto recovered = recover_files(LiveFiles(root_), state_, "boot 3");
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->decision, Recovery::Decision::kUndone);
  expect_two();
  const auto record = start_again("boot 3");
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  expect_two();
  expect_clean();
}

}  // namespace
}  // namespace rollback
