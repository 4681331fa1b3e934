// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/transient_unit.h"

#include <unistd.h>

#include <filesystem>

#include "tests/agent/platform/real_systemd.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kPreview = "/run/rollback-test-preview";

ProgramRequest program(std::vector<std::string> argv) {
  ProgramRequest request;
  request.argv = std::move(argv);
  return request;
}

class TransientUnitTest : public RealSystemd {
 protected:
  void TearDown() override {
    if (!services_) return;
    EXPECT_EQ(run({"/usr/bin/systemctl", "list-units", "--all", "--no-legend", "rollback-run-*"}),
              "");
    fs::remove_all(kPreview);
    RealSystemd::TearDown();
  }
  ProgramOutcome run_program(const ProgramRequest& request) {
    auto outcome = runner_.run(request);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *outcome : ProgramOutcome();
  }
  // A complete copy of the live tree, to be changed and bound over it.
  std::string preview_of(const std::string& live) {
    fs::create_directories(kPreview);
    const std::string copy = std::string(kPreview) + "/" + fs::path(live).filename().string();
    fs::copy(live, copy, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return copy;
  }
  static ProgramRequest nginx_test(const std::string& preview) {
    ProgramRequest request;
    request.argv = {"/usr/sbin/nginx", "-t"};
    request.read_only_binds = {{preview, "/etc/nginx"}};
    request.temporary_file_systems = {"/run", "/var/log/nginx", "/var/lib/nginx"};
    return request;
  }

  TransientUnitRunner runner_{clock_, random_};
};

TEST_F(TransientUnitTest, GivesOutputAndExitCode) {
  const auto outcome = run_program(program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}));
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.output, "out\nerr\n");
  EXPECT_FALSE(outcome.truncated);
  EXPECT_EQ(run_program(program({"/bin/true"})).exit_code, 0);
}

TEST_F(TransientUnitTest, PassesArgumentsAsTheyAre) {
  EXPECT_EQ(run_program(program({"/bin/echo", "$HOME %n ${X}", "a;b", ""})).output,
            "$HOME %n ${X} a;b \n");
}

TEST_F(TransientUnitTest, ASignalIs128AndItsNumber) {
  EXPECT_EQ(run_program(program({"/bin/sh", "-c", "kill -SEGV $$"})).exit_code, 128 + 11);
}

TEST_F(TransientUnitTest, ManyRunsInARowLoseNoOutputAndNoExitCode) {
  for (int i = 0; i < 50; ++i) {
    const auto outcome =
        run_program(program({"/bin/sh", "-c", "echo hello; exit " + std::to_string(i)}));
    ASSERT_EQ(outcome.exit_code, i);
    ASSERT_EQ(outcome.output, "hello\n");
  }
}

TEST_F(TransientUnitTest, KeepsTheBeginningOfALongOutput) {
  ProgramRequest request = program({"/bin/sh", "-c", "yes | head -c 3000000; exit 4"});
  request.max_output = 1000;
  const auto outcome = run_program(request);
  EXPECT_EQ(outcome.output.size(), 1000U);
  EXPECT_TRUE(outcome.truncated);
  EXPECT_EQ(outcome.exit_code, 4);
}

TEST_F(TransientUnitTest, KillsAtTheDeadline) {
  const BootTime begin = clock_.boot();
  ProgramRequest request =
      program({"/bin/sh", "-c", "trap '' TERM; echo begun; sleep 1000 & wait"});
  request.deadline = milliseconds(500);
  const auto outcome = runner_.run(request);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kTimeout) << outcome.error().message;
  EXPECT_THAT(outcome.error().message, HasSubstr("begun"));
  EXPECT_LT(clock_.boot() - begin, seconds(2));
  EXPECT_EQ(run({"/usr/bin/pgrep", "-f", "sleep 1000"}), "");
}

TEST_F(TransientUnitTest, AChildLeftBehindHoldsNothingUp) {
  const BootTime begin = clock_.boot();
  EXPECT_EQ(run_program(program({"/bin/sh", "-c", "sleep 1000 & echo done"})).output, "done\n");
  EXPECT_LT(clock_.boot() - begin, seconds(2));
}

TEST_F(TransientUnitTest, SaysWhenThereIsNoSuchProgram) {
  const auto outcome = runner_.run(program({"/usr/bin/nowhere"}));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kNotFound) << outcome.error().message;
  EXPECT_EQ(runner_.run(program({"relative"})).error().code, ErrorCode::kInvalid);
}

TEST_F(TransientUnitTest, SaysWhenABindSourceIsMissing) {
  ProgramRequest request = program({"/bin/true"});
  request.read_only_binds = {{"/run/rollback-test-nowhere", "/etc/nginx"}};
  const auto outcome = runner_.run(request);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kIo);
  EXPECT_THAT(outcome.error().message, HasSubstr("226")) << outcome.error().message;
}

TEST_F(TransientUnitTest, TheRootIsReadOnlyExceptForAChange) {
  const ProgramRequest request = program({"/usr/bin/touch", "/etc/rollback-test-touched"});
  EXPECT_NE(run_program(request).exit_code, 0);
  EXPECT_FALSE(fs::exists("/etc/rollback-test-touched"));
  const auto changed = runner_.change(request);
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(changed->exit_code, 0);
  EXPECT_TRUE(fs::remove("/etc/rollback-test-touched"));
}

TEST_F(TransientUnitTest, NginxJudgesThePreviewAndNotTheLiveTree) {
  const std::string preview = preview_of("/etc/nginx");
  const auto good = run_program(nginx_test(preview));
  EXPECT_EQ(good.exit_code, 0) << good.output;
  write_file(preview + "/conf.d/broken.conf", "server { listen 8081; no_such_directive on; }\n");
  const auto broken = run_program(nginx_test(preview));
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.output, HasSubstr("/etc/nginx/conf.d/broken.conf:1"));
  EXPECT_FALSE(fs::exists("/etc/nginx/conf.d/broken.conf"));
}

TEST_F(TransientUnitTest, AGoodPreviewPassesWhileTheLiveConfigurationIsBroken) {
  const std::string preview = preview_of("/etc/nginx");
  write_file("/etc/nginx/conf.d/broken.conf", "no_such_directive on;\n");
  const auto outcome = run_program(nginx_test(preview));
  fs::remove("/etc/nginx/conf.d/broken.conf");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

TEST_F(TransientUnitTest, SystemdAnalyzeJudgesUnitsOfThePreview) {
  const std::string preview = preview_of("/etc/systemd/system");
  ProgramRequest request =
      program({"/usr/bin/systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
               "/etc/systemd/system/rollback-preview.service"});
  request.read_only_binds = {{preview, "/etc/systemd/system"}};
  request.temporary_file_systems = {"/tmp"};
  write_file(preview + "/rollback-preview.service", "[Service]\nExecStart=/bin/true\n");
  const auto good = run_program(request);
  EXPECT_EQ(good.exit_code, 0) << good.output;
  write_file(preview + "/rollback-preview.service",
             "[Service]\nExecStart=/bin/true\nRestart=sometimes\n");
  const auto broken = run_program(request);
  EXPECT_NE(broken.exit_code, 0);
  EXPECT_THAT(broken.output, HasSubstr("sometimes"));
}

TEST_F(TransientUnitTest, WorksOverThePrivateSocket) {
  TransientUnitRunner without_bus(clock_, random_,
                                  {"unix:path=/nonexistent/bus", "unix:path=/run/systemd/private"});
  for (int i = 0; i < 10; ++i) {
    const auto outcome = without_bus.run(program({"/bin/sh", "-c", "echo hello; exit 5"}));
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->exit_code, 5);
    EXPECT_EQ(outcome->output, "hello\n");
  }
}

// The program ends the bus on which its own end would be heard.
TEST_F(TransientUnitTest, ACheckWhoseBusGoesAwayRunsAgainAndAChangeDoesNot) {
  const std::string runs = "/run/rollback-test-runs";
  const auto stop = "systemctl stop dbus.socket dbus.service";
  const auto with_bus = [&](const auto& use) {
    EXPECT_EQ(run({"/usr/bin/systemctl", "start", "dbus.socket", "dbus.service"}), "");
    TransientUnitRunner on_bus(clock_, random_, {"", "unix:path=/nonexistent/private"});
    EXPECT_TRUE(eventually([&] { return on_bus.run(program({"/bin/true"})).has_value(); }));
    TransientUnitRunner fresh(clock_, random_);  // remembers no dead bus
    return use(fresh);
  };
  const auto checked = with_bus([&](auto& runner) {
    return runner.run(program({"/bin/sh", "-c", stop + std::string("; echo checked")}));
  });
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->output, "checked\n");
  EXPECT_FALSE(with_bus([&](auto& runner) {
    return runner.change(program({"/bin/sh", "-c", "echo run >> " + runs + "; " + stop}));
  }));
  EXPECT_EQ(run({"/bin/cat", runs}), "run\n");
  EXPECT_EQ(run({"/usr/bin/systemctl", "start", "dbus.socket", "dbus.service"}), "");
  fs::remove(runs);
}

}  // namespace
}  // namespace rollback
