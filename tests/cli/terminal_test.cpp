// SPDX-License-Identifier: Apache-2.0
// The real program on a real terminal of 80 columns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/cli/daemon_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// All that it writes to its terminal.
std::string on_a_terminal(std::vector<std::string> argv) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = 80;
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    std::vector<char*> arguments;
    for (auto& argument : argv) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(terminal, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  close(terminal);
  waitpid(child, nullptr, 0);
  return text;
}

TEST(Terminal, HowFarItIsStandsOnOneLineAndIsGoneAtTheEnd) {
  ProgressItem item{"capture", 12'345, 1 << 30, 0, 0, std::chrono::seconds(4)};
  const Daemon daemon({item, Line{EventLevel::kInfo, "talk"}, item, End{}});
  const auto text = on_a_terminal({ROLLBACKCTL, "--agent-socket=" + daemon.path(), "status"});
  EXPECT_THAT(text, HasSubstr("\r\x1b[Kcapture  12,345 files  1.0 GiB  256.0 MiB/s  0:04"));
  EXPECT_THAT(text, HasSubstr("\r\x1b[Ktalk\r\n\r\x1b[Kcapture"));
  EXPECT_THAT(text, EndsWith("\r\x1b[K"));
}

TEST(Terminal, LinesOfJsonAreNotMixedWithIt) {
  const ProgressItem item{"capture", 12, 4096, 0, 0, std::chrono::seconds(4)};
  const Daemon daemon({item, End{}});
  const auto text =
      on_a_terminal({ROLLBACKCTL, "--agent-socket=" + daemon.path(), "-o", "jsonl", "status"});
  EXPECT_THAT(text, Not(HasSubstr("\x1b[K")));
  EXPECT_THAT(text, HasSubstr("rollbackctl/v1/progress"));
}

}  // namespace
}  // namespace rollback::testing
