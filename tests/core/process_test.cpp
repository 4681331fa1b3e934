// SPDX-License-Identifier: Apache-2.0
// The programs run here are shells on purpose: they are the shortest way to make groups, floods and
// signals. The product itself never starts one.
#include "core/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <string>

namespace rollback {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

ProcessRequest shell(const std::string& script, Duration deadline = seconds(20)) {
  return {.argv = {"/bin/bash", "-c", script}, .deadline = deadline, .max_output = 64 * 1024};
}

TEST(Process, ReportsExitCodeAndBothOutputs) {
  const auto outcome = run_process(shell("echo out; echo err >&2; exit 7"));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->exit_code, 7);
  EXPECT_EQ(outcome->output, "out\nerr\n");
  EXPECT_FALSE(outcome->truncated);
}

TEST(Process, PassesArgumentsUnchanged) {
  const auto outcome = run_process({.argv = {"/usr/bin/printf", "%s|", "a b", "$HOME", "", "*"}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "a b|$HOME||*|");
}

TEST(Process, GivesNoInput) {
  const auto outcome = run_process({.argv = {"/bin/cat"}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 0);
  EXPECT_EQ(outcome->output, "");
}

TEST(Process, ReportsTheSignalThatKilledIt) {
  const auto outcome = run_process(shell("kill -TERM $$"));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 128 + SIGTERM);
}

TEST(Process, RestoresIgnoredAndBlockedSignals) {
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto pipe = run_process(shell("kill -PIPE $$; echo survived"));
  const auto term = run_process(shell("kill -TERM $$; echo survived"));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, old);
  ASSERT_TRUE(pipe && term);
  EXPECT_EQ(pipe->exit_code, 128 + SIGPIPE);
  EXPECT_EQ(term->exit_code, 128 + SIGTERM);
}

TEST(Process, BoundsTheOutputAndLetsTheProgramFinish) {
  auto request = shell("head -c 3000000 /dev/zero | tr '\\0' x; exit 3");
  request.max_output = 1000;
  const auto outcome = run_process(request);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 3);
  EXPECT_EQ(outcome->output, std::string(1000, 'x'));
  EXPECT_TRUE(outcome->truncated);
}

// A pipe that nobody but the group holds ends when the last of the group is dead.
TEST(Process, ADeadlineKillsTheWholeGroup) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);  // inherited on purpose
  const auto script = "(trap '' TERM HUP; /bin/sleep 600) & /bin/sleep 600";
  const SystemClock clock;
  const auto begin = clock.boot();
  const auto outcome = run_process(shell(script, milliseconds(200)));
  const auto took = clock.boot() - begin;
  ::close(ends[1]);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(outcome.error().message, HasSubstr("/bin/bash did not end within 200 ms"));
  EXPECT_GE(took, milliseconds(200));
  EXPECT_LT(took, seconds(20));
  char byte = 0;
  ::alarm(20);  // the test program ends here when a process of the group is left
  EXPECT_EQ(::read(ends[0], &byte, 1), 0);
  ::alarm(0);
  ::close(ends[0]);
}

TEST(Process, AFloodDoesNotOutrunTheDeadline) {
  const auto outcome = run_process(shell("exec cat /dev/zero", milliseconds(200)));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kTimeout);
}

TEST(Process, DoesNotWaitForWhatRunsOnInTheBackground) {
  const SystemClock clock;
  const auto begin = clock.boot();
  const auto outcome = run_process(shell("/bin/sleep 5 & echo done", seconds(60)));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "done\n");
  EXPECT_LT(clock.boot() - begin, seconds(4));
}

TEST(Process, HandsOnNoDescriptor) {
  const int held = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 700);
  ASSERT_GE(held, 700);
  const auto outcome = run_process({.argv = {"/bin/ls", "-l", "/proc/self/fd"}});
  ::close(held);
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->output, Not(HasSubstr(" 700 ->")));
  EXPECT_THAT(outcome->output, Not(HasSubstr("timerfd")));
  EXPECT_THAT(outcome->output, HasSubstr(" 1 -> pipe:"));
}

TEST(Process, SaysWhichProgramIsMissing) {
  const auto missing = run_process({.argv = {"/no/such/program"}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message, "start /no/such/program: No such file or directory");
  EXPECT_EQ(run_process({.argv = {"/etc/passwd"}}).error().code, ErrorCode::kDenied);
}

TEST(Process, RefusesProgramsWithoutAnAbsolutePath) {
  EXPECT_EQ(run_process({}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(run_process({.argv = {"ls"}}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(run_process({.argv = {"/bin/ls", std::string("a\0b", 3)}}).error().code,
            ErrorCode::kInvalid);
}

}  // namespace
}  // namespace rollback
