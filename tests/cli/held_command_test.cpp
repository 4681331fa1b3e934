// SPDX-License-Identifier: Apache-2.0
#include "cli/held_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/support/child.h"
#include "tests/support/temp_directory.h"

namespace rollback::testing {
namespace {

namespace fs = std::filesystem;

HeldCommand started(const std::vector<std::string>& argv) {
  auto command = HeldCommand::start(argv);
  EXPECT_TRUE(command) << command.error().message;
  return *std::move(command);
}

TEST(HeldCommand, DoesNothingBeforeItIsLetGo) {
  const TempDirectory place;
  const auto file = place.path() / "made";
  {
    auto command = started({"touch", file.string()});
    EXPECT_GT(command.pid(), 0);
    EXPECT_EQ(::kill(command.pid(), 0), 0);
  }
  EXPECT_FALSE(fs::exists(file));
  auto command = started({"touch", file.string()});
  ASSERT_TRUE(command.go());
  EXPECT_EQ(command.wait(), 0);
  EXPECT_TRUE(fs::exists(file));
}

TEST(HeldCommand, TellsHowItEnded) {
  auto fine = started({"/usr/bin/env", "true"});
  ASSERT_TRUE(fine.go());
  EXPECT_EQ(fine.wait(), 0);
  EXPECT_EQ(fine.wait(), 0);  // again the same
  auto failed = started({"false"});
  ASSERT_TRUE(failed.go());
  EXPECT_EQ(failed.wait(), 1);
}

TEST(HeldCommand, PassesOnASignalThatWasMeantForUsAlone) {
  auto command = started({"sleep", "1000"});
  ASSERT_TRUE(command.go());
  ::kill(::getpid(), SIGTERM);  // blocked here, so it waits for wait()
  EXPECT_EQ(command.wait(), 128 + SIGTERM);
}

TEST(HeldCommand, GivesTheProgramTheSignalsThatWeHad) {
  auto command = started({"grep", "-q", "^SigBlk:\t0000000000000000$", "/proc/self/status"});
  ASSERT_TRUE(command.go());
  EXPECT_EQ(command.wait(), 0);
  sigset_t now;
  ::sigprocmask(SIG_SETMASK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, SIGTERM), 1) << "held while the command lives";
}

TEST(HeldCommand, WithoutAProgramStartsNothing) {
  for (const auto* name : {"/no/such/program", "no-such-program", "/etc/passwd"}) {
    const auto command = HeldCommand::start({name});
    ASSERT_FALSE(command) << name;
    EXPECT_EQ(command.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(command.error().message, ::testing::HasSubstr(name));
  }
  EXPECT_FALSE(HeldCommand::start({}));
}

TEST(HeldCommand, AProgramThatCannotBeExecutedSaysWhy) {
  const TempDirectory place;
  place.write("script", "#!/no/such/interpreter\n");
  const auto script = place.path() / "script";
  fs::permissions(script, fs::perms::owner_all);
  auto command = started({script.string()});
  EXPECT_FALSE(command.go());
  EXPECT_EQ(command.wait(), 127);
}

}  // namespace
}  // namespace rollback::testing
