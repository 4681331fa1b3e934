// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/daemon.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

struct Parsed {
  std::optional<int> exit;
  std::string config = "/etc/default.yaml";
  bool check = false;
  std::string out;
  std::string err;
};

Parsed parse(std::vector<std::string> arguments) {
  Parsed parsed;
  arguments.insert(arguments.begin(), "some-daemon");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  parsed.exit = parse_daemon_arguments(
      static_cast<int>(arguments.size()), argv.data(), {"some-daemon", "Does something"},
      {{"config", &parsed.config, "Configuration"}, {"check", &parsed.check, "Check and leave"}});
  std::fflush(nullptr);
  parsed.out = ::testing::internal::GetCapturedStdout();
  parsed.err = ::testing::internal::GetCapturedStderr();
  return parsed;
}

TEST(DaemonArguments, AreOptional) {
  const Parsed parsed = parse({});
  EXPECT_EQ(parsed.exit, std::nullopt);
  EXPECT_EQ(parsed.config, "/etc/default.yaml");
  EXPECT_FALSE(parsed.check);
}

TEST(DaemonArguments, AreTakenInBothForms) {
  EXPECT_EQ(parse({"--config", "/a.yaml", "--check"}).config, "/a.yaml");
  EXPECT_TRUE(parse({"--config", "/a.yaml", "--check"}).check);
  EXPECT_EQ(parse({"--config=/b.yaml"}).config, "/b.yaml");
}

TEST(DaemonArguments, AMistakeIsOneSentenceAndExit1) {
  for (const auto& [arguments, sentence] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--conifg", "/a"}, "unknown option --conifg"},
           {{"-x"}, "unknown option -x"},
           {{"--config"}, "--config needs a value"},
           {{"--check=yes"}, "unknown option --check=yes"},
           {{"start"}, "unknown argument 'start'"}}) {
    const Parsed parsed = parse(arguments);
    EXPECT_EQ(parsed.exit, 1);
    EXPECT_EQ(parsed.err,
              "some-daemon: " + sentence + "; 'some-daemon --help' lists what there is\n");
    EXPECT_EQ(parsed.out, "");
  }
}

TEST(DaemonArguments, HelpNamesEveryOptionAndItsDefault) {
  for (const std::string flag : {"--help", "-h"}) {
    const Parsed parsed = parse({flag});
    EXPECT_EQ(parsed.exit, 0);
    EXPECT_THAT(parsed.out, HasSubstr("--config PATH"));
    EXPECT_THAT(parsed.out, HasSubstr("(default /etc/default.yaml)"));
    EXPECT_THAT(parsed.out, HasSubstr("--check "));
  }
  EXPECT_EQ(parse({"--version"}).exit, 0);
  EXPECT_THAT(parse({"--version"}).out, HasSubstr("some-daemon 0."));
}

}  // namespace
}  // namespace rollback
