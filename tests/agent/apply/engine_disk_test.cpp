// SPDX-License-Identifier: Apache-2.0
// A disk that refuses a part of an undo: the run is finished once the disk takes writes again.
// Every place where it may refuse is in tests/proof.
#include <cerrno>
#include <utility>

#include "tests/agent/apply/engine_fixture.h"
#include "tests/support/faulty_syscalls.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

class DiskTest : public RollbackTest {
 protected:
  DiskTest() {
    calls_.answer = [this](std::string_view call) {
      const bool undoing =
          !watcher_.events.empty() && watcher_.events.back().phase == RunPhase::kUndoing;
      if (call != "renameat2" || !undoing || refusals_ == 0) return 0;
      --refusals_;
      return -EIO;
    };
    root_ = host_.open(calls_);
    state_ = *root_.open_directory("state");
    restart_agent();
    prober_.green = [this] { return host_.read("etc/app/app.conf") == "two"; };
  }
  ~DiskTest() override {  // these use `calls_`
    engine_.reset();
    root_ = {};
    state_ = {};
  }
  std::vector<RunOutcome> history_of(const RunId& run) {
    std::vector<RunOutcome> outcomes;
    const auto history = snapshots_->history().value();
    for (const auto& entry : history)
      if (entry.run == run.str()) outcomes.push_back(entry.outcome);
    return outcomes;
  }

  // The first `call` after that event fails, and from there on all that may need room.
  void fill_after(RunPhase phase, const std::string& text, const std::string& first = "write") {
    calls_.answer = [this, phase, text, first](std::string_view call) {
      const auto& events = watcher_.events;
      full_ = full_ || (call == first && !events.empty() && events.back().phase == phase &&
                        events.back().text.ends_with(text));
      const bool needs_room = call == "write" || call == "ftruncate" || call == "renameat2" ||
                              call.find("sync") != call.npos;
      return full_ && needs_room ? -ENOSPC : 0;
    };
  }
  RunOutcome finished() {
    restart_agent();
    const auto finished = engine_->finish_interrupted(watcher_);
    return finished && *finished ? (*finished)->outcome : RunOutcome::kRunning;
  }

  FaultySyscalls calls_{kernel_};
  bool full_ = false;
  int refusals_ = 0;  // of renames in an undo; negative: all
};

TEST_F(DiskTest, WhatItRefusesOnceIsTriedAgain) {
  refusals_ = 1;
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  expect_two();
  expect_clean();
}

TEST_F(DiskTest, ARunThatItDoesNotLetBackIsFinishedWhenItDoes) {
  refusals_ = -1;
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kInconsistent);
  EXPECT_THAT(record.findings, ::testing::Contains(HasSubstr("once it takes writes again")));
  EXPECT_EQ(engine_->holder(), record.id);
  EXPECT_EQ(history_of(record.id), std::vector<RunOutcome>());

  restart_agent();  // too early
  const auto still = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(still && *still);
  EXPECT_EQ((*still)->outcome, RunOutcome::kInconsistent);
  EXPECT_EQ(engine_->holder(), record.id);

  refusals_ = 0;
  restart_agent();
  const auto finished = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(finished && *finished);
  EXPECT_EQ((*finished)->outcome, RunOutcome::kRestored);
  EXPECT_EQ(history_of(record.id), std::vector{RunOutcome::kRestored});
  expect_two();
  expect_clean();
}

TEST_F(DiskTest, ARunThatWasToldAlreadyIsToldOnce) {
  prober_.green = [] { return true; };
  bool crash = false;
  calls_.answer = [&](std::string_view) -> int {
    // Behind the history's entry the journal is all that is written.
    crash =
        crash || (!watcher_.events.empty() && watcher_.events.back().text.ends_with("succeeded"));
    return crash ? -EIO : 0;
  };
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_TRUE(std::filesystem::exists(host_.path() / "state/journal"));
  calls_.answer = nullptr;
  restart_agent();
  const auto finished = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(finished && *finished);
  EXPECT_EQ(history_of(record.id), std::vector{RunOutcome::kSucceeded});
  expect_one();
  expect_clean();
}

// What was told, before anything was changed or after all of it was taken back.
TEST_F(DiskTest, AnUndoWhoseEndItDoesNotTakeStaysUndone) {
  for (const auto phase : {RunPhase::kStaged, RunPhase::kDone}) {
    SCOPED_TRACE(to_string(phase));
    full_ = false;
    watcher_.events.clear();
    fill_after(phase, phase == RunPhase::kDone ? "restored" : "");
    const auto record = roll_back("v1.0.0").value();
    EXPECT_EQ(record.outcome, RunOutcome::kRestored) << ::testing::PrintToString(record.findings);
    EXPECT_EQ(engine_->holder(), record.id);
    (void)finished();  // too early
    EXPECT_EQ(engine_->holder(), record.id);
    calls_.answer = nullptr;
    EXPECT_EQ(finished(), RunOutcome::kRestored);
    EXPECT_EQ(history_of(record.id), std::vector{RunOutcome::kRestored});
    expect_two();
    expect_clean();
  }
}

TEST_F(DiskTest, ARunWhoseEndItDoesNotTakeStaysDone) {
  prober_.green = [] { return true; };
  fill_after(RunPhase::kDone, "succeeded");  // the journal is all that is still written
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  calls_.answer = nullptr;
  EXPECT_EQ(finished(), RunOutcome::kSucceeded);
  EXPECT_EQ(history_of(record.id), std::vector{RunOutcome::kSucceeded});
  expect_one();
  expect_clean();
}

// The journal says that it was verified, for that could not be cut off: the stage knows better.
TEST_F(DiskTest, AVerifiedRunOfWhichNothingGoesBackGoesBackLater) {
  prober_.green = [] { return true; };
  fill_after(RunPhase::kVerifying, "", "fdatasync");
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kInconsistent);
  const auto is_stale = ::testing::Contains(HasSubstr("not as before the run"));
  EXPECT_THAT(record.findings, is_stale);
  auto outcome =
      RunOutcome::kRunning;  // an error on the way to what the stage says decides nothing
  for (int failing = 0; outcome == RunOutcome::kRunning; ++failing) {
    calls_.answer = [left = failing](std::string_view) mutable { return left-- == 0 ? -EIO : 0; };
    outcome = finished();
  }
  EXPECT_EQ(outcome, RunOutcome::kRestored);
  EXPECT_THAT(runs_->find(record.id.str())->findings, ::testing::Not(is_stale));
  EXPECT_EQ(history_of(record.id), std::vector{RunOutcome::kRestored});
  expect_two();
  expect_clean();
}

// Its stage was set aside with what somebody had put in the way, and then no sync worked any more.
TEST_F(DiskTest, AnUndoWhoseStageIsSetAsideAlreadyStaysUndone) {
  watcher_.hear = [&](const RunEvent& event) {
    if (event.phase != RunPhase::kGating) return;
    std::filesystem::remove(host_.path() / "etc/app/app.conf");
    host_.write("etc/app/app.conf", "of somebody");
  };
  prober_.green = [] { return false; };
  bool said = false;
  calls_.answer = [&](std::string_view call) -> int {
    if (watcher_.events.empty()) return 0;
    const auto phase = watcher_.events.back().phase;
    if (phase == RunPhase::kGating && call == "fdatasync" && !std::exchange(said, true))
      return -EIO;  // "undoing"
    return phase == RunPhase::kDone && call.find("sync") != call.npos ? -EIO : 0;
  };
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_EQ(engine_->holder(), record.id);
  calls_.answer = nullptr;
  EXPECT_EQ(finished(), RunOutcome::kRestored);
  EXPECT_EQ(history_of(record.id), std::vector{RunOutcome::kRestored});
  expect_two();
  EXPECT_FALSE(engine_->holder());
}

TEST_F(DiskTest, AJournalThatFailedOnceDoesNotHoldTheHost) {
  bool failed = false;
  calls_.answer = [&](std::string_view call) -> int {
    const bool undoing =
        !watcher_.events.empty() && watcher_.events.back().phase == RunPhase::kUndoing;
    if (call != "fdatasync" || !undoing || std::exchange(failed, true)) return 0;
    return -EIO;
  };
  EXPECT_EQ(roll_back("v1.0.0").value().outcome, RunOutcome::kRestored);
  EXPECT_TRUE(failed);
  expect_two();
  expect_clean();
}

}  // namespace
}  // namespace rollback
