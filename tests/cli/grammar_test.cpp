// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "tests/cli/session_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::HasSubstr;

// "" when the arguments pass, else the sentence.
std::string complaint(std::vector<const char*> arguments) {
  SessionFixture fixture;
  CLI::App app("", "rollbackctl");
  app.fallthrough();
  app.add_flag("--utc", fixture.session.utc);
  app.add_option("--agent-socket", fixture.session.agent_socket);
  add_snapshot(app, fixture.session);
  add_readers(app, fixture.session);
  add_deploy(app, fixture.session);
  add_rollback(app, fixture.session);
  add_runs(app, fixture.session);
  add_archives(app, fixture.session);
  add_config(app, fixture.session);
  add_fleet(app, fixture.session);
  arguments.insert(arguments.begin(), "rollbackctl");
  const auto checked = check_arguments(app, static_cast<int>(arguments.size()), arguments.data());
  return checked ? "" : checked.error().message;
}

TEST(Arguments, AValueMayNotLookLikeAnOption) {
  EXPECT_THAT(complaint({"rollback", "--to", "--dry-run"}), HasSubstr("--to needs a value"));
  EXPECT_THAT(complaint({"rollback", "-m", "--dry-run"}), HasSubstr("-m needs a value"));
  EXPECT_THAT(complaint({"rollback", "-ym", "--dry-run"}), HasSubstr("-m needs a value"));
  EXPECT_THAT(complaint({"fleet", "--to", "v1.0.0", "-b", "-y"}), HasSubstr("-b needs a value"));
  EXPECT_THAT(complaint({"status", "--agent-socket", "--utc"}),
              HasSubstr("--agent-socket needs a value"));
}

TEST(Arguments, AValueAfterAnEqualsSignIsTaken) {
  EXPECT_EQ(complaint({"rollback", "--to=--x"}), "");
  EXPECT_EQ(complaint({"rollback", "-mbecause", "--dry-run"}), "");
}

TEST(Arguments, GlobalOptionsStandAnywhere) {
  EXPECT_EQ(complaint({"--utc", "fleet", "status", "--utc"}), "");
  EXPECT_EQ(complaint({"fleet", "hosts", "list", "--agent-socket", "/x"}), "");
}

TEST(Arguments, ValuesAreNotTakenForCommands) {
  EXPECT_EQ(complaint({"rollback", "--to", "status", "-n"}), "");
  EXPECT_EQ(complaint({"fleet", "verify", "-l", "web1", "v2.4.1"}), "");
  EXPECT_EQ(complaint({"fleet", "hosts", "accept", "web1"}), "");
}

TEST(Arguments, WhatFollowsTwoDashesIsACommandOfSomebodyElse) {
  EXPECT_EQ(complaint({"deploy", "v2.5.0", "--", "make", "-n", "--to", "--x"}), "");
  EXPECT_EQ(complaint({"deploy", "begin", "v2.5.0"}), "");
  EXPECT_EQ(complaint({"deploy", "v2.5.0", "-n", "--", "make"}), "");
  EXPECT_THAT(complaint({"deploy", "-n", "begin", "v2.5.0"}), HasSubstr("'-n'"));
  EXPECT_THAT(complaint({"deploy", "v2.5.0", "-m", "--", "make"}), HasSubstr("-m needs a value"));
  EXPECT_THAT(complaint({"deploy", "--no-undo", "begin", "v2.5.0"}), HasSubstr("'--no-undo'"));
}

TEST(Arguments, AMistypedCommandNamesTheNearest) {
  EXPECT_EQ(complaint({"rolback", "--to", "v1.0.0"}),
            "there is no command 'rollbackctl rolback'; did you mean 'rollback'?");
  EXPECT_THAT(complaint({"fleet", "hosts", "acept", "x"}), HasSubstr("did you mean 'accept'?"));
  EXPECT_THAT(complaint({"xyzzy"}), HasSubstr("'rollbackctl --help' lists what there is"));
}

TEST(Arguments, TheFleetsRollbackAndACommandBelowItDoNotMix) {
  EXPECT_THAT(complaint({"fleet", "--to", "v1.0.0", "status"}),
              HasSubstr("'--to' of 'rollbackctl fleet' and the command 'status'"));
  EXPECT_THAT(complaint({"fleet", "-n", "snapshot", "v1.0.0"}), HasSubstr("'-n'"));
  EXPECT_THAT(complaint({"fleet", "snapshot", "v1.0.0", "-n"}), HasSubstr("'-n'"));
  EXPECT_THAT(complaint({"fleet", "-l", "web1", "status"}), HasSubstr("'-l'"));
  EXPECT_EQ(complaint({"fleet", "plan", "--to", "v1.0.0"}), "");
}

TEST(Batches, AndDurationsAreChecked) {
  for (const auto& arguments :
       {std::vector<std::string>{"fleet", "--to", "v1.0.0", "-b", "1,x"},
        std::vector<std::string>{"fleet", "--to", "v1.0.0", "-b", "0"},
        std::vector<std::string>{"fleet", "--to", "v1.0.0", "--timeout", "5"},
        std::vector<std::string>{"fleet", "--to", "v1.0.0", "--on-failure", "panic"}}) {
    SessionFixture fixture;
    CLI::App app("", "rollbackctl");
    add_fleet(app, fixture.session);
    auto reversed = arguments;
    std::reverse(reversed.begin(), reversed.end());
    EXPECT_THROW(app.parse(reversed), CLI::ValidationError) << arguments.back();
  }
}

}  // namespace
}  // namespace rollback::testing
