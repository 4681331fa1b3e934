// SPDX-License-Identifier: Apache-2.0
// What keeps a run from going on, or from calling itself done: its time, an abort, too many
// removals, units that were not restarted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "model/exit_code.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
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

struct Late {
  RunPhase phase;
  const char* why;
};
void PrintTo(const Late& late, std::ostream* out) { *out << to_string(late.phase); }

class LateChange : public GuardTest, public ::testing::WithParamInterface<Late> {};

TEST_P(LateChange, IsTakenBack) {
  lose_time_in(GetParam().phase);
  expect_restored(roll_back("v1.0.0").value(), GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(
    InEachPhase, LateChange,
    ::testing::Values(Late{RunPhase::kQuiescing, "stop app.service: the run's time is up"},
                      Late{RunPhase::kCommitting, "took longer than its 5 min"},
                      Late{RunPhase::kActivating, "start app.service: the run's time is up"}));

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

TEST_F(GuardTest, RefusesToRemoveMuchThatNoReleaseRecorded) {
  options_.max_removals = 1;
  host_.write("etc/app/stray-a", "");
  host_.write("etc/app/stray-b", "");
  const auto error = refused("v1.0.0");
  EXPECT_EQ(error.code, ErrorCode::kConflict);
  EXPECT_THAT(error.message, HasSubstr("2 paths would be removed that no release ever recorded "
                                       "(/etc/app/stray-b, /etc/app/stray-a); look"));
  EXPECT_THAT(error.message, HasSubstr("--accept-removals"));
}

TEST_F(GuardTest, RemovesWhatNoReleaseRecordedWhenToldTo) {
  options_.max_removals = 0;
  host_.write("etc/app/stray", "");
  auto asked = order("v1.0.0");
  asked.accept_removals = true;
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  ASSERT_TRUE(engine_->commit(asked.run, prepared->plan_digest, watcher_));
  expect_one();
  EXPECT_FALSE(std::filesystem::exists(host_.path() / "etc/app/stray"));
}

TEST_F(GuardTest, WhatAReleaseRecordedIsNoStray) {
  options_.max_removals = 0;
  EXPECT_EQ(roll_back("v1.0.0").value().outcome, RunOutcome::kSucceeded);  // removes only-two
  expect_one();
}

TEST_F(GuardTest, AComplaintThatLiveMakesTooIsAWarning) {
  host_.write("etc/app/invalid", "");
  snapshot("v3.0.0");
  host_.write("etc/app/app.conf", "edited");
  const auto record = roll_back("v3.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(watcher_.events, Contains(AllOf(Field(&RunEvent::level, EventLevel::kWarning),
                                              Field(&RunEvent::text,
                                                    "invalid is there (the live configuration has "
                                                    "the same fault)"))));
}

TEST_F(GuardTest, AUnitWithItsOldInvocationWasNotRestarted) {
  services_.on_start = [](UnitInfo& unit) { unit.invocation_id = "first"; };
  expect_restored(roll_back("v1.0.0").value(), "app.service was not restarted");
}

TEST_F(GuardTest, AChangeOfSomebodyElseStopsARunAndStays) {
  watcher_.hear = [this](const RunEvent& event) {
    if (event.phase == RunPhase::kCommitting) host_.write("etc/app/app.conf", "theirs");
  };
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kInconsistent);
  EXPECT_THAT(record.findings,
              Contains("/etc/app/app.conf was changed by somebody while the run was at work"));
  EXPECT_EQ(host_.read("etc/app/app.conf"), "theirs");
  EXPECT_EQ(host_.read("etc/app/only-two"), "2");
  EXPECT_FALSE(std::filesystem::exists(host_.path() / "etc/app/only-one"));
}

// A program of the host that runs until it is ended.
class RunningProgram {
 public:
  explicit RunningProgram(const std::filesystem::path& program) {
    std::string name = program.filename(), time = "1000";
    std::vector<char*> argv = {name.data(), time.data(), nullptr};
    char* no_environment = nullptr;
    if (posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv.data(), &no_environment) != 0)
      throw std::runtime_error("cannot run " + program.string());
  }
  ~RunningProgram() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  [[nodiscard]] std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

 private:
  pid_t pid_ = 0;
};

// v3.0.0 has one program, the live host another one, which runs.
class ProgramTest : public GuardTest {
 protected:
  ProgramTest() {
    std::filesystem::create_directory_symlink("/proc", host_.path() / "proc");
    std::filesystem::copy_file("/bin/sleep", tool());
    snapshot("v3.0.0");
    std::filesystem::remove(tool());
    std::filesystem::copy_file("/bin/sleep", tool());
    std::ofstream(tool(), std::ios::app) << "newer";
    old_.emplace(tool());
    services_.units["app.service"].main_pid = old_->pid();
  }
  [[nodiscard]] std::filesystem::path tool() const { return host_.path() / "etc/app/tool"; }
  std::optional<RunningProgram> old_, new_;
};

TEST_F(ProgramTest, AUnitOfTheReplacedProgramIsSeen) {
  const auto record = roll_back("v3.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_THAT(record.findings, Contains("app.service (pid " + std::to_string(old_->pid()) +
                                        ") still runs the /etc/app/tool that was replaced"));
}

TEST_F(ProgramTest, AUnitOfTheNewProgramIsVerified) {
  services_.on_start = [this](UnitInfo& unit) { unit.main_pid = new_.emplace(tool()).pid(); };
  const auto record = roll_back("v3.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kSucceeded);
  EXPECT_THAT(record.findings, ElementsAre());
}

TEST_F(GuardTest, NoJobOutlastsTheRun) {
  services_.pass = [this](Duration time) { clock_.advance(time); };
  services_.is_never_ready = "app.service";
  auto asked = order("v1.0.0");
  asked.timeout = std::chrono::seconds(20);
  const BootTime begin = clock_.boot();
  watcher_.hear = [&](const RunEvent& event) {
    if (event.phase != RunPhase::kUndoing) return;
    EXPECT_LE(clock_.boot() - begin, asked.timeout);
    services_.is_never_ready.clear();
  };
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  const auto record = engine_->commit(asked.run, prepared->plan_digest, watcher_);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_THAT(record->findings, Contains(HasSubstr("start app.service")));
  expect_two();
  expect_clean();
}

TEST_F(GuardTest, WhatNeverStopsIsKilledToBeStartedAgain) {
  services_.pass = [this](Duration time) { clock_.advance(time); };
  services_.never_stops = "app.service";
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_THAT(record->findings, Contains(HasSubstr("stop app.service")));
  EXPECT_THAT(services_.calls,
              ElementsAre("stop app.service", "stop app.service", "kill app.service",
                          "stop app.service", "start app.service"));
  EXPECT_EQ(services_.units["app.service"].active_state, "active");
  expect_two();
  expect_clean();
}

}  // namespace
}  // namespace rollback
