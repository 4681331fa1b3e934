// SPDX-License-Identifier: Apache-2.0
// Deadlines, silence, repetition and restarts.
#include "tests/coordinator/rollout_fixture.h"

namespace rollback::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

RolloutPolicy one_by_one(OnFailure on_failure) {
  RolloutPolicy policy;
  policy.on_failure = on_failure;
  policy.batches = {{1, false}};
  return policy;
}

TEST(RolloutTime, UpBeforeTheFirstCommitForgetsEverybody) {
  Driven run(2, {});
  run.start();
  run.prepare(1);
  run.pass(minutes(5) + seconds(1));
  EXPECT_THAT(run.told<act::Forget>(), ElementsAre(2, 1));
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kTimedOut);
}

TEST(RolloutTime, UpBetweenWavesLetsTheRunningOneFinishAndStartsNoOther) {
  Driven run(2, one_by_one(OnFailure::kPause));
  run.prepare_all();
  run.pass(minutes(6));
  EXPECT_EQ(run.phase(1), HostPhase::kCommitting);
  run.succeed(1);
  EXPECT_EQ(run.phase(2), HostPhase::kSkipped);
  EXPECT_EQ(run.exit(), ExitCode::kTimedOut);
}

TEST(RolloutTime, UpWhilePreparedAgainForgetsThatHost) {
  Driven run(1, {});
  run.prepare_all();
  run.take(ev::Conflict{host_id(1), "changed since"});
  run.pass(minutes(5) + seconds(1));
  EXPECT_THAT(run.told<act::Forget>(), ElementsAre(1));
  EXPECT_EQ(run.exit(), ExitCode::kTimedOut);
}

TEST(RolloutTime, AHostThatNeverAnswersItsCommitIsUnknown) {
  Driven run(2, one_by_one(OnFailure::kStop));
  run.prepare_all();
  run.pass(minutes(7));
  EXPECT_EQ(run.phase(1), HostPhase::kCommitting);
  run.pass(seconds(1));
  EXPECT_EQ(run.phase(1), HostPhase::kUnknown);
  EXPECT_EQ(run.phase(2), HostPhase::kSkipped);
  EXPECT_EQ(run.exit(), ExitCode::kTimedOut);
}

TEST(RolloutTime, AHostThatMayGoBackByItselfIsGivenTheTimeForThat) {
  auto policy = one_by_one(OnFailure::kStop);
  policy.confirm = minutes(10);
  Driven run(2, policy);
  run.prepare_all();
  run.pass(minutes(6));
  EXPECT_EQ(next_deadline(run.state, run.now),
            run.now + minutes(11) + std::chrono::milliseconds(1));
  run.pass(minutes(11));
  EXPECT_EQ(run.phase(1), HostPhase::kCommitting);
  run.pass(seconds(1));
  EXPECT_EQ(run.phase(1), HostPhase::kUnknown);
}

TEST(RolloutTime, ALateAnswerCorrectsTheEnd) {
  Driven run(1, {});
  run.prepare_all();
  run.pass(minutes(8));
  ASSERT_EQ(run.exit(), ExitCode::kTimedOut);
  run.succeed(1);
  EXPECT_EQ(run.phase(1), HostPhase::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kDone);
  EXPECT_EQ(run.state.state, RolloutState::kDone);
}

TEST(RolloutTime, ALateSuccessIsTakenBackWithTheOthers) {
  Driven run(3, one_by_one(OnFailure::kUndo));
  run.prepare_all();
  run.succeed(1);
  run.pass(minutes(8));  // web2 stays silent
  ASSERT_EQ(run.state.state, RolloutState::kUndoing);
  run.succeed(2);
  EXPECT_THAT(run.told<act::UndoHost>(), ElementsAre(2));
  run.take(finished(1, RunOutcome::kSucceeded, RunKind::kUndo));
  EXPECT_EQ(run.state.state, RolloutState::kUndoing);
  run.take(finished(2, RunOutcome::kSucceeded, RunKind::kUndo));
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(RolloutTime, AnUndoWithoutAnAnswerEndsToo) {
  Driven run(2, one_by_one(OnFailure::kUndo));
  run.prepare_all();
  run.succeed(1);
  run.fail_gate(2);
  ASSERT_EQ(run.state.state, RolloutState::kUndoing);
  const auto deadline = next_deadline(run.state, run.now);
  ASSERT_TRUE(deadline);
  run.pass(minutes(7));
  EXPECT_EQ(run.phase(1), HostPhase::kUndoing);
  run.pass(seconds(1));
  EXPECT_EQ(run.phase(1), HostPhase::kUnknown);
  EXPECT_EQ(run.exit(), ExitCode::kTimedOut);
  run.take(finished(1, RunOutcome::kSucceeded, RunKind::kUndo));
  EXPECT_EQ(run.phase(1), HostPhase::kUndone);
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(RolloutTime, EveryDeadlineMovesTheRunOn) {
  Driven run(2, one_by_one(OnFailure::kStop));
  run.prepare_all();
  for (int turn = 0; turn < 4; ++turn) {
    const auto deadline = next_deadline(run.state, run.now);
    if (!deadline) break;
    ASSERT_GT(*deadline, run.now) << "a runner would spin";
    run.now = *deadline;
    run.take(ev::Tick{});
  }
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_FALSE(next_deadline(run.state, run.now));
}

TEST(RolloutRepetition, StartedTwiceAsksNobodyAgain) {
  Driven run(2, {});
  run.start();
  run.prepare(1);
  run.start();
  EXPECT_THAT(run.actions, IsEmpty());
  EXPECT_EQ(run.phase(1), HostPhase::kReady);
}

TEST(RolloutRepetition, ARepeatedAnswerToTheCommitIsNoAnswerToTheUndo) {
  Driven run(2, one_by_one(OnFailure::kUndo));
  run.prepare_all();
  run.succeed(1);
  run.fail_gate(2);
  run.succeed(1);
  EXPECT_EQ(run.phase(1), HostPhase::kUndoing);
}

// Each event a second time: nothing is done and nothing changes.
TEST(RolloutRepetition, OfEveryEventIsHarmless) {
  RolloutPolicy policy = one_by_one(OnFailure::kUndo);
  policy.unready = policy.offline = ShortfallPolicy::kSkip;
  Driven run(6, policy);
  const std::vector<RolloutEvent> events = {
      ev::Started{},
      ev::Prepared{host_id(1), plan_of(1), true},
      ev::Refused{host_id(2), "no space", false},
      ev::Offline{host_id(3)},
      ev::Prepared{host_id(4), plan_of(4), true},
      ev::Prepared{host_id(5), plan_of(5), true},
      ev::Prepared{host_id(6), plan_of(6), false},
      ev::Progress{host_id(1), RunPhase::kCommitting},
      ev::Conflict{host_id(1), "changed"},
      ev::Prepared{host_id(1), plan_of(1), true},
      finished(1, RunOutcome::kSucceeded),
      finished(4, RunOutcome::kRestored),
      finished(1, RunOutcome::kSucceeded, RunKind::kUndo),
  };
  for (std::size_t i = 0; i < events.size(); ++i) {
    run.take(events[i]);
    const auto again = advance(run.state, events[i], run.now);
    EXPECT_THAT(again.actions, IsEmpty()) << "event " << i;
    EXPECT_THAT(again.changed, IsEmpty()) << "event " << i;
    EXPECT_EQ(again.state.state, run.state.state) << "event " << i;
  }
  EXPECT_EQ(run.state.state, RolloutState::kDone);
  EXPECT_EQ(run.exit(), ExitCode::kRestored);
}

TEST(RolloutRestart, AsksAgainWhoHasNotAnswered) {
  Driven run(3, {});
  EXPECT_THAT(run.told_in<act::Prepare>(outstanding(run.state)), ElementsAre(1, 2, 3));
  run.start();
  run.prepare(2);
  EXPECT_THAT(run.told_in<act::Prepare>(outstanding(run.state)), ElementsAre(1, 3));
}

TEST(RolloutRestart, BeforeStartedTakesTheAnswersOfThoseAskedAgain) {
  Driven run(1, {});
  run.prepare(1);
  EXPECT_EQ(run.phase(1), HostPhase::kCommitting);
}

TEST(RolloutRestart, TellsTheRunningWaveAgainAndNobodyElse) {
  Driven run(3, one_by_one(OnFailure::kPause));
  run.prepare_all();
  run.succeed(1);
  const auto again = outstanding(run.state);
  EXPECT_THAT(run.told_in<act::Commit>(again), ElementsAre(2));
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(std::get<act::Commit>(again[0]).plan_digest, plan_of(2));
}

TEST(RolloutRestart, OfAPausedRunTellsNobody) {
  Driven run(3, one_by_one(OnFailure::kPause));
  run.prepare_all();
  run.succeed(1);
  run.fail_gate(2);
  EXPECT_THAT(outstanding(run.state), IsEmpty());
}

TEST(RolloutRestart, DuringUndoTellsItAgainAndForgetsTheSkipped) {
  Driven run(3, one_by_one(OnFailure::kUndo));
  run.prepare_all();
  run.succeed(1);
  run.fail_gate(2);
  const auto again = outstanding(run.state);
  EXPECT_THAT(run.told_in<act::UndoHost>(again), ElementsAre(1));
  EXPECT_THAT(run.told_in<act::Forget>(again), ElementsAre(3));
}

TEST(RolloutRestart, OfAFinishedRunHasNothingToDo) {
  Driven run(1, {});
  run.prepare_all();
  run.succeed(1);
  EXPECT_THAT(outstanding(run.state), IsEmpty());
}

}  // namespace
}  // namespace rollback::testing
