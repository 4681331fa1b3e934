// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "coordinator/options.h"
#include "coordinator/service/fan_out.h"

namespace rollback {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string error_of(const std::string& yaml) {
  const auto options = CoordinatorOptions::parse(yaml, "coordinator.yaml");
  return options ? "" : options.error().message;
}

TEST(CoordinatorOptions, OnlyTheFleetIsNeeded) {
  const auto options = CoordinatorOptions::parse("fleet: shop\n", "coordinator.yaml");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->fleet, "shop");
  EXPECT_EQ(options->agents, "tcp://*:7400");
  EXPECT_EQ(options->enrolment, "tcp://*:7401");
  EXPECT_EQ(options->operators_group, "");
}

TEST(CoordinatorOptions, EveryKeyIsRead) {
  const auto options = CoordinatorOptions::parse(
      "fleet: shop\nlisten: {agents: \"tcp://10.0.0.1:1\", enrolment: \"tcp://[::]:2\"}\n"
      "operators_group: ops\n",
      "coordinator.yaml");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->agents, "tcp://10.0.0.1:1");
  EXPECT_EQ(options->enrolment, "tcp://[::]:2");
  EXPECT_EQ(options->operators_group, "ops");
}

TEST(CoordinatorOptions, ErrorsNameFileAndLine) {
  EXPECT_THAT(error_of("listen: {}\n"), HasSubstr("fleet"));
  EXPECT_THAT(error_of("fleet: shop\nlsten: {}\n"), StartsWith("coordinator.yaml:2: "));
  EXPECT_THAT(error_of("fleet: \"a b\"\n"), StartsWith("coordinator.yaml:1: 'a b'"));
  for (const auto* address : {"10.0.0.1:7400", "tcp://*", "tcp://*:0", "tcp://*:70000", "tcp://:1",
                              "ipc:///tmp/x", "tcp://*:7400x"})
    EXPECT_THAT(error_of("fleet: a\nlisten:\n  agents: \"" + std::string(address) + "\"\n"),
                StartsWith("coordinator.yaml:3: "))
        << address;
  EXPECT_THAT(error_of("fleet: a\nlisten: {agents: \"tcp://*:1\", enrolment: \"tcp://*:1\"}\n"),
              HasSubstr("tcp://*:1 is both"));
  EXPECT_THAT(error_of("fleet: a\noperators_group: \"O P\"\n"), HasSubstr("'O P'"));
}

TEST(HostName, MeansNothingToASelectorOrATerminal) {
  EXPECT_TRUE(is_host_name("web-1.fra1"));
  for (const auto* name : {"", "-web", "web*", "!web", "a,b", "a=b", "web\n", "\x1b[2J"})
    EXPECT_FALSE(is_host_name(name)) << name;
  EXPECT_FALSE(is_host_name(std::string(64, 'a')));
}

TEST(WorstOf, FollowsThePrecedence) {
  using enum ExitCode;
  EXPECT_EQ(worst_of({kDone, kDone}), kDone);
  EXPECT_EQ(worst_of({kRefused, kRefused}), kRefused);
  EXPECT_EQ(worst_of({kRefused, kLocked}), kLocked);
  EXPECT_EQ(worst_of({kRestored, kTimedOut}), kTimedOut);
  EXPECT_EQ(worst_of({kUsage, kDenied, kRestored}), kRestored);
  EXPECT_EQ(worst_of({kDone, kRefused}), kPartial) << "some did and some did not";
  EXPECT_EQ(worst_of({kDone, kInconsistent, kPartial}), kInconsistent);
}

}  // namespace
}  // namespace rollback
