// SPDX-License-Identifier: Apache-2.0
#include "tests/coordinator/rollout_fixture.h"

namespace rollback::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

RolloutPolicy policy_of(OnFailure on_failure, std::vector<Amount> batches = {{1, false}}) {
  RolloutPolicy policy;
  policy.on_failure = on_failure;
  policy.batches = std::move(batches);
  return policy;
}

// web1 is done, web2 has failed, web3 waits.
Driven failed_in_its_second_wave(OnFailure on_failure) {
  Driven run(3, policy_of(on_failure));
  run.prepare_all();
  run.succeed(1);
  run.fail_gate(2);
  return run;
}

TEST(Rollout, AsksEveryHostBeforeItTellsOneToCommit) {
  Driven run(3, {});
  run.start();
  EXPECT_THAT(run.told<act::Prepare>(), ElementsAre(1, 2, 3));
  run.prepare(1);
  run.prepare(2);
  EXPECT_THAT(run.actions, IsEmpty());
  run.prepare(3);
  EXPECT_THAT(run.told<act::Commit>(), ElementsAre(1));
}

TEST(Rollout, CommitsInWavesOfWhichTheLastSizeRepeats) {
  Driven run(20, policy_of(OnFailure::kPause, {{1, false}, {10, true}, {40, true}}));
  run.prepare_all();
  EXPECT_THAT(run.succeed_wave(), SizeIs(1));
  EXPECT_THAT(run.succeed_wave(), SizeIs(2));
  EXPECT_THAT(run.succeed_wave(), SizeIs(8));
  EXPECT_THAT(run.succeed_wave(), SizeIs(8));
  EXPECT_THAT(run.succeed_wave(), SizeIs(1));
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kDone);
}

TEST(Rollout, RefusedPreparationChangesNothingAndNamesHostAndFlag) {
  Driven run(3, {});
  run.start();
  run.prepare(1);
  run.take(ev::Refused{host_id(2), "no space left on /srv", false});
  run.take(ev::Refused{host_id(3), "no release v2.4.1", true});
  EXPECT_THAT(run.told<act::Commit>(), IsEmpty());
  EXPECT_THAT(run.told<act::Forget>(), ElementsAre(1));
  EXPECT_EQ(run.exit(), ExitCode::kRefused);
  EXPECT_THAT(run.said.back(), HasSubstr("unready: web2 (--unready skip goes on without)"));
  EXPECT_THAT(run.said.back(), HasSubstr("missing: web3 (--missing skip goes on without)"));
  EXPECT_THAT(run.state.hosts[1].findings, ElementsAre("no space left on /srv"));
}

TEST(Rollout, GoesOnWithoutHostsThatThePolicySkips) {
  RolloutPolicy policy;
  policy.unready = policy.missing = policy.offline = ShortfallPolicy::kSkip;
  Driven run(4, policy);
  run.start();
  run.take(ev::Refused{host_id(1), "busy", false});
  run.take(ev::Refused{host_id(2), "none", true});
  run.take(ev::Offline{host_id(3)});
  run.prepare(4);
  EXPECT_THAT(run.told<act::Commit>(), ElementsAre(4));
  run.succeed(4);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
}

TEST(Rollout, HostsThatAreOnTheTargetAlreadyAreDoneWithoutAWave) {
  Driven run(2, {});
  run.start();
  run.take(ev::Prepared{host_id(1), plan_of(1), false});
  run.take(ev::Prepared{host_id(2), plan_of(2), false});
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kDone);
  EXPECT_THAT(run.told<act::Commit>(), IsEmpty());
}

TEST(Rollout, PausesWhenMoreThanMaxFailFailed) {
  const Driven run = failed_in_its_second_wave(OnFailure::kPause);
  EXPECT_EQ(run.state.state, RolloutState::kPaused);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
  EXPECT_EQ(run.phase(3), HostPhase::kReady);
  EXPECT_TRUE(std::holds_alternative<act::Pause>(run.actions.back()));
}

TEST(Rollout, GoesOnWhileNoMoreThanMaxFailFailed) {
  RolloutPolicy policy = policy_of(OnFailure::kPause);
  policy.max_fail = Amount{1, false};
  Driven run(3, policy);
  run.prepare_all();
  run.fail_gate(1);
  EXPECT_EQ(run.phase(2), HostPhase::kCommitting);
  run.fail_gate(2);
  EXPECT_EQ(run.state.state, RolloutState::kPaused);
  EXPECT_EQ(run.phase(3), HostPhase::kReady);
}

TEST(Rollout, ResumedGoesOnAndAcceptsWhatHasFailed) {
  Driven run = failed_in_its_second_wave(OnFailure::kPause);
  run.now = run.now + minutes(60);  // the pause is not the run's time
  run.take(ev::Resume{"ann"});
  EXPECT_THAT(run.told<act::Commit>(), ElementsAre(3));
  run.succeed(3);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
}

TEST(Rollout, ResumedHasTheWholeBudgetAgainAndNoMore) {
  Driven run = failed_in_its_second_wave(OnFailure::kPause);
  for (int i = 0; i < 2; ++i) {
    run.now = run.now + minutes(60);
    run.state.state = RolloutState::kPaused;
    run.take(ev::Resume{"ann"});
  }
  EXPECT_EQ(run.state.policy.timeout, minutes(5));  // what a host is given for its part
  EXPECT_EQ(next_deadline(run.state, run.now), run.now + minutes(5) + std::chrono::milliseconds(1));
}

TEST(Rollout, AbortedWhenPausedLetsTheWaitingGo) {
  Driven run = failed_in_its_second_wave(OnFailure::kPause);
  run.take(ev::Abort{"ann"});
  EXPECT_THAT(run.told<act::Forget>(), ElementsAre(3));
  EXPECT_EQ(run.phase(3), HostPhase::kSkipped);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
}

TEST(Rollout, UndoneWhenPausedTakesBackWhatSucceeded) {
  Driven run = failed_in_its_second_wave(OnFailure::kPause);
  run.take(ev::Undo{"ann"});
  EXPECT_THAT(run.told<act::UndoHost>(), ElementsAre(1));
  run.take(finished(1, RunOutcome::kSucceeded, RunKind::kUndo));
  EXPECT_EQ(run.phase(1), HostPhase::kUndone);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(Rollout, StopEndsWithoutANewWave) {
  const Driven run = failed_in_its_second_wave(OnFailure::kStop);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.phase(1), HostPhase::kDone);
  EXPECT_EQ(run.phase(3), HostPhase::kSkipped);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
}

TEST(Rollout, UndoPolicyTakesBackWhatSucceededByItself) {
  Driven run = failed_in_its_second_wave(OnFailure::kUndo);
  EXPECT_THAT(run.told<act::UndoHost>(), ElementsAre(1));
  EXPECT_THAT(run.told<act::Forget>(), ElementsAre(3));
  run.take(finished(1, RunOutcome::kSucceeded, RunKind::kUndo));
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(Rollout, UndoneFleetWithAHostThatWasOnTargetBeforeIsRestored) {
  Driven run(2, policy_of(OnFailure::kUndo));
  run.start();
  run.take(ev::Prepared{host_id(1), plan_of(1), false});
  run.prepare(2);
  run.fail_gate(2);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(Rollout, ContinueIgnoresFailures) {
  Driven run = failed_in_its_second_wave(OnFailure::kContinue);
  EXPECT_EQ(run.phase(3), HostPhase::kCommitting);
  run.succeed(3);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
}

TEST(Rollout, AFailedCanaryThatWasTheOnlyChangeEndsWithoutAQuestion) {
  Driven run(1, policy_of(OnFailure::kPause));
  run.prepare_all();
  run.fail_gate(1);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(Rollout, AnInconsistentHostOutweighsEverything) {
  Driven run(2, policy_of(OnFailure::kContinue));
  run.prepare_all();
  run.take(finished(1, RunOutcome::kInconsistent, RunKind::kRollback, {"/etc/shop differs"}));
  run.succeed(2);
  EXPECT_EQ(run.exit(), ExitCode::kInconsistent);
  EXPECT_THAT(run.state.hosts[0].findings, ElementsAre("/etc/shop differs"));
}

// It is on the target; but the next wave would take the next host out of traffic, too.
TEST(Rollout, AHostThatGetsNoTrafficEndsTheWaves) {
  Driven run(3, policy_of(OnFailure::kPause));
  run.prepare_all();
  auto event = finished(1, RunOutcome::kSucceeded, RunKind::kRollback, {"readmit failed"});
  event.record.exit_code = static_cast<int>(ExitCode::kInconsistent);
  run.take(event);
  EXPECT_EQ(run.phase(1), HostPhase::kInconsistent);
  EXPECT_EQ(run.state.state, RolloutState::kPaused);
  EXPECT_THAT(run.state.hosts[0].findings, ElementsAre("readmit failed"));
}

TEST(Rollout, AnUndoNamesTheHostThatItLeavesAsItIs) {
  Driven run(2, policy_of(OnFailure::kUndo));
  run.prepare_all();
  run.succeed(1);
  auto event = finished(2, RunOutcome::kSucceeded, RunKind::kRollback, {"readmit failed"});
  event.record.exit_code = static_cast<int>(ExitCode::kInconsistent);
  run.take(event);
  EXPECT_EQ(run.state.state, RolloutState::kUndoing);
  EXPECT_THAT(run.said, Contains(HasSubstr("web2 needs a human and is left as it is")));
}

TEST(Rollout, AHostThatFailsToUndoStaysDoneAndTheRunIsPartial) {
  Driven run(3, policy_of(OnFailure::kUndo));
  run.prepare_all();
  run.succeed(1);
  run.fail_gate(2);
  run.take(finished(1, RunOutcome::kRestored, RunKind::kUndo, {"gate was red"}));
  EXPECT_EQ(run.phase(1), HostPhase::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
}

TEST(Rollout, AbortWhileAWaveRunsLetsItFinishAndStartsNoOther) {
  Driven run(3, policy_of(OnFailure::kPause));
  run.prepare_all();
  run.take(ev::Abort{"ann"});
  EXPECT_EQ(run.state.state, RolloutState::kWaving);
  EXPECT_THAT(run.in(HostPhase::kSkipped), ElementsAre(2, 3));
  run.fail_gate(1);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(Rollout, AnAbortedRunNeverPauses) {
  Driven run(3, policy_of(OnFailure::kPause, {{1, false}, {2, false}}));
  run.prepare_all();
  run.succeed(1);
  run.take(ev::Abort{"ann"});
  run.succeed(2);
  run.fail_gate(3);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kPartial);
}

TEST(Rollout, ResumeAbortAndUndoAreRefusedWhereTheyMakeNoSense) {
  Driven run(1, {});
  run.start();
  EXPECT_FALSE(run.take(ev::Resume{"ann"}).accepted);
  EXPECT_FALSE(run.take(ev::Undo{"ann"}).accepted);
  run.take(ev::Prepared{host_id(1), plan_of(1), false});
  EXPECT_FALSE(run.take(ev::Abort{"ann"}).accepted);
  const auto undo = run.take(ev::Undo{"ann"});
  ASSERT_FALSE(undo.accepted);
  EXPECT_THAT(undo.accepted.error().message, HasSubstr("nothing to undo"));
}

TEST(Rollout, WaitsBetweenWaves) {
  RolloutPolicy policy = policy_of(OnFailure::kPause);
  policy.batch_wait = seconds(5);
  Driven run(2, policy);
  run.prepare_all();
  EXPECT_EQ(run.phase(1), HostPhase::kCommitting);  // the first needs no wait
  run.succeed(1);
  EXPECT_EQ(next_deadline(run.state, run.now), run.now + seconds(5));
  run.pass(seconds(4));
  EXPECT_EQ(run.phase(2), HostPhase::kReady);
  run.pass(seconds(1));
  EXPECT_EQ(run.phase(2), HostPhase::kCommitting);
}

TEST(Rollout, ADryRunPreparesEverybodyAndCommitsNobody) {
  RolloutRecord record = rollout_of(2);
  record.dry_run = true;
  Driven run(record);
  run.prepare_all();
  EXPECT_THAT(run.told<act::Forget>(), ElementsAre(1, 2));
  EXPECT_THAT(run.told<act::Commit>(), IsEmpty());
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kDone);
}

TEST(Rollout, AChangedHostIsPreparedAgainOnce) {
  Driven run(1, {});
  run.prepare_all();
  run.take(ev::Conflict{host_id(1), "changed since"});
  EXPECT_THAT(run.told<act::Prepare>(), ElementsAre(1));
  run.prepare(1);
  EXPECT_THAT(run.told<act::Commit>(), ElementsAre(1));
  run.take(ev::Conflict{host_id(1), "changed since"});
  EXPECT_EQ(run.phase(1), HostPhase::kUnready);
  EXPECT_EQ(run.exit(), ExitCode::kRefused);
}

TEST(Rollout, AHostWithAnotherPlanIsNotCommitted) {
  Driven run(1, {});
  run.prepare_all();
  run.take(ev::Conflict{host_id(1), "changed since"});
  run.take(ev::Prepared{host_id(1), sha256("another"), true});
  EXPECT_THAT(run.told<act::Commit>(), IsEmpty());
  EXPECT_THAT(run.told<act::Forget>(), ElementsAre(1));
  EXPECT_EQ(run.phase(1), HostPhase::kUnready);
}

TEST(Rollout, AHostLostWhenPreparedAgainCountsAsFailed) {
  Driven run(2, policy_of(OnFailure::kStop));
  run.prepare_all();
  run.take(ev::Conflict{host_id(1), "changed since"});
  run.take(ev::Offline{host_id(1)});
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.phase(2), HostPhase::kSkipped);
}

}  // namespace
}  // namespace rollback::testing
