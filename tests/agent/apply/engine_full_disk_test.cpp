// SPDX-License-Identifier: Apache-2.0
// Runs on a disk that is full to the last block, and what is held back for them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/apply/ballast.h"
#include "agent/apply/journal.h"
#include "agent/apply/recovery.h"
#include "core/descriptor.h"
#include "model/exit_code.h"
#include "tests/agent/apply/engine_fixture.h"
#include "tests/support/faulty_syscalls.h"
#include "tests/support/full_disk.h"
#include "tests/support/mounted.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

// The state directory is a file system of its own.
class FullDiskTest : public RollbackTest {
 protected:
  FullDiskTest() {
    state_ = root_.open_directory("state", Crossing::kAllow).value();
    restart_agent();
  }
  ~FullDiskTest() override { engine_.reset(); }

  void fill() {
    fill_disk(host_.path() / "state");
    ASSERT_EQ(free_bytes(state_).value(), 0U);
  }
  void make_room() { rollback::make_room(host_.path() / "state"); }

  const Mounted mounted_{host_.path() / "state", Mounted::Tmpfs{"size=160m"}};
};

TEST_F(FullDiskTest, RollsBackOnWhatWasHeldBack) {
  ASSERT_EQ(engine_->hold_room(), "");
  EXPECT_LE(free_bytes(state_).value(), (160ULL << 20U) - kBallastBytes);
  fill();
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  expect_one();
  expect_clean();
  EXPECT_FALSE(has_ballast(state_));
  EXPECT_THAT(engine_->hold_room(), HasSubstr("144 are needed; make room there"));
  make_room();
  EXPECT_EQ(engine_->hold_room(), "");
  EXPECT_TRUE(has_ballast(state_));
}

TEST_F(FullDiskTest, GoesBackToItsOriginOnWhatWasHeldBack) {
  ASSERT_EQ(engine_->hold_room(), "");
  fill();
  // Whoever filled the disk takes the rest of it, too, when the run is at work.
  watcher_.hear = [this](const RunEvent& event) {
    if (event.phase == RunPhase::kQuiescing) fill();
  };
  services_.fails_to_start = "app.service";
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  expect_two();
  EXPECT_EQ(record->outcome, RunOutcome::kInconsistent);  // the unit is down, the files are back
  const auto known = runs_->find(record->id.str());
  ASSERT_TRUE(known);
  EXPECT_EQ(known->outcome, RunOutcome::kInconsistent);
}

TEST_F(FullDiskTest, OneThatNobodyConfirmsGoesBackOnWhatWasHeldBack) {
  ASSERT_EQ(engine_->hold_room(), "");
  die_waiting();
  ASSERT_TRUE(has_ballast(state_));
  fill();
  restart_agent();
  bool told_with_room = false;  // that it goes back
  watcher_.hear = [&](const RunEvent& event) {
    if (event.phase == RunPhase::kUndoing && !told_with_room) told_with_room = !has_ballast(state_);
  };
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kRestored);
  EXPECT_TRUE(told_with_room);
  expect_two();
}

TEST_F(FullDiskTest, WithoutWhatIsHeldBackIsRefusedByName) {
  fill();
  const auto error = refused("v1.0.0");
  EXPECT_EQ(error.code, ErrorCode::kNoSpace);
  EXPECT_EQ(exit_code_of(error), ExitCode::kRefused);
  EXPECT_THAT(error.message, HasSubstr(state_.path() + " has 0 MiB free, the run needs 16 MiB"));
}

TEST_F(FullDiskTest, NothingIsHeldBackOfAScarceDisk) {
  const Descriptor file(
      ::open((host_.path() / "state/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ASSERT_EQ(::fallocate(file.get(), 0, 0, 32 << 20), 0);
  EXPECT_THAT(engine_->hold_room(),
              HasSubstr("for a full disk: 128 MiB are free and 144 are needed"));
  EXPECT_FALSE(has_ballast(state_));
}

TEST_F(FullDiskTest, ARunThatWaitsKeepsWhatItTook) {
  ASSERT_EQ(engine_->hold_room(), "");
  fill();
  const auto asked = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  make_room();
  EXPECT_EQ(engine_->hold_room(), "");
  EXPECT_FALSE(has_ballast(state_));
  ASSERT_TRUE(engine_->forget(asked.run));
  EXPECT_EQ(engine_->hold_room(), "");
  EXPECT_TRUE(has_ballast(state_));
}

// Where the file system promises nothing, bytes are written.
TEST_F(FullDiskTest, IsHeldBackWithoutAPromiseToo) {
  FaultySyscalls calls(kernel_);
  calls.answer = [](std::string_view call) { return call == "fallocate" ? -EOPNOTSUPP : 0; };
  const auto root = host_.open(calls);
  const auto state = root.open_directory("state", Crossing::kAllow).value();
  EXPECT_EQ(hold_ballast(state), "");
  EXPECT_TRUE(has_ballast(state));
  EXPECT_LE(free_bytes(state).value(), (160ULL << 20U) - kBallastBytes);
  EXPECT_TRUE(give_up_ballast(state));
  EXPECT_FALSE(give_up_ballast(state));
}

TEST_F(FullDiskTest, OneThatWasCutShortIsMadeAgain) {
  host_.write("state/ballast", "half");
  EXPECT_FALSE(has_ballast(state_));
  EXPECT_EQ(hold_ballast(state_), "");
  EXPECT_TRUE(has_ballast(state_));
}

// The journal can say how it ended whatever the disk does meanwhile.
TEST_F(FullDiskTest, AJournalIsAppendedToWhatWasReservedForIt) {
  JournalBegin begin;
  begin.run = *RunId::parse("0123456789ab");
  auto journal = Journal::create(state_, begin);
  ASSERT_TRUE(journal) << journal.error().message;
  ASSERT_TRUE(journal->reserve(1 << 20U));
  fill();
  const JournalFilesUndone undone{std::vector<std::string>(1000, std::string(500, 'x'))};
  EXPECT_TRUE(journal->append(undone));
  EXPECT_TRUE(Journal::reopen(state_)->append(JournalPhase{RunPhase::kDone, {}}));
  EXPECT_EQ(journal->reserve(64 << 20U).error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(Journal::find(state_)->value().undone->differs.size(), 1000U);
}

TEST_F(RollbackTest, ContentsWithoutRoomAreRefusedBeforeAnythingChanges) {
  host_.write("etc/app/large", std::string(2 << 20U, 'x'));
  snapshot("v3.0.0");
  std::filesystem::remove(host_.path() / "etc/app/large");
  FaultySyscalls calls(kernel_);
  bool asked = false;
  calls.answer = [&](std::string_view call) {
    asked = asked || call == "fallocate";
    return call == "fallocate" ? -ENOSPC : 0;
  };
  root_ = host_.open(calls);
  restart_agent();
  const auto error = refused("v3.0.0");
  EXPECT_EQ(error.code, ErrorCode::kNoSpace);
  EXPECT_EQ(exit_code_of(error), ExitCode::kRefused);
  EXPECT_TRUE(asked);
  root_ = host_.open(kernel_);  // before those calls go
  restart_agent();
}

}  // namespace
}  // namespace rollback
