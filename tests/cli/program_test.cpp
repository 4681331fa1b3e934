// SPDX-License-Identifier: Apache-2.0
// The real program against a daemon of this test on a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/process.h"
#include "tests/cli/daemon_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

ProcessOutcome rollbackctl(std::vector<std::string> arguments, const std::string& socket) {
  std::vector<std::string> argv = {ROLLBACKCTL, "--agent-socket=" + socket,
                                   "--coordinator-socket=" + socket};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto outcome = run_process({argv});
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome ? *outcome : ProcessOutcome{};
}

StatusItem status() {
  StatusItem item;
  item.host = "web1";
  item.release = "v2.4.1";
  item.store = "ok";
  item.link = "connected";
  return item;
}

TEST(Rollbackctl, ReturnsTheExitCodeOfTheEnd) {
  for (const ExitCode code :
       {ExitCode::kDone, ExitCode::kRefused, ExitCode::kRestored, ExitCode::kInconsistent,
        ExitCode::kPartial, ExitCode::kLocked, ExitCode::kDenied, ExitCode::kTimedOut}) {
    const Daemon daemon({End{code, true, std::nullopt}});
    EXPECT_EQ(rollbackctl({"rollback", "--to", "v2.4.1"}, daemon.path()).exit_code,
              static_cast<int>(code));
  }
}

TEST(Rollbackctl, SaysTheEndsErrorInOneSentence) {
  const Daemon daemon({End{ExitCode::kLocked, false, Error{ErrorCode::kBusy, "web1 is busy"}}});
  EXPECT_EQ(rollbackctl({"undo"}, daemon.path()).output, "rollbackctl: web1 is busy\n");
}

TEST(Rollbackctl, TellsNothingToDoApartOnRequest) {
  const Daemon daemon({End{ExitCode::kDone, false, std::nullopt}});
  EXPECT_EQ(rollbackctl({"--detailed-exitcode", "undo"}, daemon.path()).exit_code, 3);
  EXPECT_EQ(rollbackctl({"undo"}, daemon.path()).exit_code, 0);
}

TEST(Rollbackctl, PrintsATable) {
  const Daemon daemon({status(), End{}});
  EXPECT_EQ(rollbackctl({"status"}, daemon.path()).output,
            "HOST  RELEASE  HEALTH   RUN  STORE  COORDINATOR\n"
            "web1  v2.4.1   unknown  -    ok     connected\n");
}

TEST(Rollbackctl, StructuredFormatsAreReadBack) {
  const Daemon daemon({status(), End{}});
  const auto json =
      nlohmann::json::parse(rollbackctl({"status", "-o", "json"}, daemon.path()).output);
  EXPECT_EQ(json["items"].size(), 2U);
  std::istringstream lines(rollbackctl({"status", "-o", "jsonl"}, daemon.path()).output);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_TRUE(nlohmann::json::parse(line).contains("schema"));
  EXPECT_EQ(count, 2U);
  const auto yaml = YAML::Load(rollbackctl({"status", "-o", "yaml"}, daemon.path()).output);
  EXPECT_EQ(yaml["items"].size(), 2U);
  EXPECT_EQ(yaml["schema"].as<std::string>(), "rollbackctl/v1/answer");
}

TEST(Rollbackctl, HowFarItIsGoesOnlyToTerminalsAndLinesOfJson) {
  const ProgressItem item{"capture", 12, 4096, 0, 0, std::chrono::seconds(2)};
  const Daemon daemon({item, status(), End{}});
  const auto shown = [&](const char* format) {
    return rollbackctl({"status", "-o", format}, daemon.path()).output;
  };
  EXPECT_EQ(shown("table").find("capture"), std::string::npos);
  EXPECT_EQ(shown("json").find("capture"), std::string::npos);
  EXPECT_EQ(shown("yaml").find("capture"), std::string::npos);
  EXPECT_THAT(shown("jsonl"),
              StartsWith(R"({"schema":"rollbackctl/v1/progress","work":"capture")"));
}

TEST(Rollbackctl, WithoutADaemonSaysWhichUnitToLookAt) {
  const auto agent = rollbackctl({"status"}, "/nonexistent/a.sock");
  EXPECT_EQ(agent.exit_code, 1);
  EXPECT_THAT(agent.output, HasSubstr("systemctl status rollback-agent"));
  const auto fleet = rollbackctl({"fleet", "--to", "v2.4.1"}, "/nonexistent/a.sock");
  EXPECT_EQ(fleet.exit_code, 1);
  EXPECT_THAT(fleet.output, HasSubstr("systemctl status rollback-coordinator"));
}

TEST(Rollbackctl, DetachesOnCtrlC) {
  const Daemon daemon({Line{EventLevel::kInfo, "begun"}});
  const auto outcome =
      run_process({{"/usr/bin/timeout", "--preserve-status", "-s", "INT", "2", ROLLBACKCTL,
                    "--agent-socket=" + daemon.path(), "rollback", "--to", "v2.4.1"}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->exit_code, 130);
  EXPECT_THAT(outcome->output, HasSubstr("begun\n"));
  EXPECT_THAT(outcome->output, HasSubstr("rollbackctl run watch"));
}

TEST(Rollbackctl, RefusesWhatItDoesNotUnderstandInOneSentence) {
  const std::vector<std::vector<std::string>> wrong = {
      {"rolback"},
      {},
      {"status", "--bogus"},
      {"status", "-o", "xml"},
      {"fleet", "--to", "v2.4.1", "status"},
      {"fleet", "--to", "v2.4.1", "-b", "1,x"},
      {"fleet", "--to", ""},
      {"rollback", "--to", "--dry-run"},
      {"rollback", "--to", "v2.4.1", "--timeout", "soon"},
      {"snapshot", "latest"},
      {"snapshot", "v2.4"},
      {"snapshot", "20240520"},
      {"snapshot", ""},
      {"rollback", "--to", "latest"},
      {"rollback", "--to", "v2.4"},
      {"rollback", "--to", "20240520"},
      {"plan", "--to", "latest"},
      {"plan", "--drift", "ignore"},
      {"rollback", "--plan", "/nonexistent/plan.json"},
      {"rollback", "--plan", "/nonexistent/plan.json", "--to", "v2.4.1"},
      {"rollback", "--plan", "/nonexistent/plan.json", "--drift", "keep"},
      {"rollback", "--plan", "/dev/null"},
      {"show", "latest"},
      {"diff", "v2.4", "live"},
      {"verify", "20240520"},
      {"fleet", "verify", "latest"},
      {"fleet", "plan", "--to", "latest"},
      {"fleet", "-b", "--dry-run", "--to", "v2.4.1"},
      {"fleet", "--to", "--dry-run"},
      {"fleet", "--to", "v2.4.1", "-m", "--dry-run"},
  };
  for (const auto& arguments : wrong) {
    const auto outcome = rollbackctl(arguments, "/nonexistent/a.sock");
    std::string shown;
    for (const auto& argument : arguments) shown += "'" + argument + "' ";
    EXPECT_EQ(outcome.exit_code, 1) << shown;
    EXPECT_THAT(outcome.output, StartsWith("rollbackctl: ")) << shown;
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1)
        << shown << outcome.output;
  }
}

TEST(Rollbackctl, HelpIsAlwaysHelp) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"-h"}, {"fleet", "-h"}, {"fleet", "hosts", "accept", "-h"}, {"rollback", "--help"}})
    EXPECT_EQ(rollbackctl(arguments, "/nonexistent/a.sock").exit_code, 0) << arguments[0];
}

}  // namespace
}  // namespace rollback::testing
