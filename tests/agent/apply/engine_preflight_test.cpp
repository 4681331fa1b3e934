// SPDX-License-Identifier: Apache-2.0
// What stands in the way of a run, and what it does besides its steps, told before it begins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>

#include "agent/apply/packages.h"
#include "agent/apply/side_effects.h"
#include "agent/store/scrub_mark.h"
#include "model/exit_code.h"
#include "tests/agent/apply/engine_fixture.h"
#include "tests/agent/apply/tree_resource.h"
#include "tests/support/faulty_syscalls.h"
#include "tests/support/mounted.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

MATCHER_P(Says, matcher, "") {
  return ::testing::ExplainMatchResult(matcher, arg.text, result_listener);
}

class PreflightTest : public RollbackTest {
 protected:
  std::vector<PackageFile> packaged(const std::set<std::string>& paths) {
    return packaged_files(root_, {paths.begin(), paths.end()}).value();
  }
};

// An exchange would answer EBUSY in the middle of the commit.
TEST_F(PreflightTest, AFileThatSomethingIsMountedOverIsRefused) {
  host_.write("etc/other", "mounted");
  const Mounted mounted(host_.path() / "etc/other", host_.path() / "etc/app/app.conf");
  const auto prepared = engine_->prepare(order("v1.0.0"), watcher_);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(exit_code_of(prepared.error()), ExitCode::kRefused);
  EXPECT_THAT(prepared.error().message,
              HasSubstr("/etc/app/app.conf has to change, but something is mounted over it; "
                        "`umount /etc/app/app.conf`"));
  expect_clean();
}

TEST_F(PreflightTest, AManagedFileThatSomethingIsMountedOverIsRefused) {
  options_.resources[0].paths = {"/etc/app/app.conf"};
  resources_.clear();
  resources_.push_back(std::make_unique<TreeResource>(options_.resources[0]));
  snapshot("v3.0.0");
  host_.write("etc/other", "mounted");
  const Mounted mounted(host_.path() / "etc/other", host_.path() / "etc/app/app.conf");
  restart_agent();
  const auto prepared = engine_->prepare(order("v3.0.0"), watcher_);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(exit_code_of(prepared.error()), ExitCode::kRefused);
  EXPECT_THAT(prepared.error().message,
              HasSubstr("/etc/app/app.conf is managed, but something is mounted over it; "
                        "`umount /etc/app/app.conf`"));
  expect_clean();
}

TEST_F(PreflightTest, AFileSystemOfAnotherMachineIsRefusedByName) {
  for (const auto& [number, name] :
       {std::pair{long{NFS_SUPER_MAGIC}, "NFS"}, std::pair{0xff534d42L, "CIFS"},
        std::pair{long{V9FS_MAGIC}, "9P"}}) {
    FaultySyscalls calls(kernel_);
    calls.file_system = number;
    root_ = host_.open(calls);
    restart_agent();
    const auto error = refused("v1.0.0");
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    EXPECT_EQ(exit_code_of(error), ExitCode::kRefused);
    EXPECT_THAT(error.message, HasSubstr(std::string("is on ") + name));
    root_ = host_.open(kernel_);
    restart_agent();
  }
}

TEST_F(PreflightTest, AFileSystemInAProgramIsWarnedOf) {
  FaultySyscalls calls(kernel_);
  calls.file_system = FUSE_SUPER_MAGIC;
  root_ = host_.open(calls);
  restart_agent();
  auto asked = order("v1.0.0");
  asked.dry_run = true;
  EXPECT_TRUE(engine_->prepare(asked, watcher_));
  EXPECT_THAT(watcher_.events, Contains(Says(HasSubstr("is on FUSE"))));
  root_ = host_.open(kernel_);
  restart_agent();
}

TEST_F(PreflightTest, SaysWhenTheRestWasLastRead) {
  auto asked = order("v1.0.0");
  asked.dry_run = true;
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  EXPECT_THAT(
      watcher_.events,
      Contains(Says(AllOf(HasSubstr("of v1.0.0 that stay as they are were never read again"),
                          HasSubstr("rollbackctl verify --all --deep")))));
  ASSERT_TRUE(ScrubMarks(*database_)
                  .finish(WallTime{clock_.wall().ns - Duration(std::chrono::hours(75)).count()}));
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  EXPECT_THAT(watcher_.events, Contains(Says(HasSubstr("were last read and hashed 3 days ago"))));
}

TEST_F(PreflightTest, FilesOfAPackageAreNamedWithIt) {
  host_.write("var/lib/dpkg/info/app.list", "/.\n/etc/app\n/etc/app/app.conf\n/etc/app/only-two\n");
  host_.write("var/lib/dpkg/info/app.conffiles", "/etc/app/app.conf\n");
  host_.write("var/lib/dpkg/info/lib:amd64.list", "/usr/lib/x\n/etc/app/only-one");
  EXPECT_THAT(engine_->plan("v1.0.0")->plan.warnings,
              ElementsAre("2 paths belong to a Debian package, and apt will overwrite them: "
                          "/etc/app/only-one (lib), /etc/app/only-two (app)"));
  EXPECT_THAT(packaged({"/etc/app/app.conf"}), IsEmpty());  // dpkg keeps a conffile
  EXPECT_THAT(packaged({"/etc/app"}), ElementsAre(PackageFile{"/etc/app", "app"}));
}

TEST_F(PreflightTest, WithoutPackagesNothingIsSaid) {
  EXPECT_THAT(packaged({"/etc/app/app.conf"}), IsEmpty());
  EXPECT_THAT(engine_->plan("v1.0.0")->plan.warnings, IsEmpty());
}

TEST_F(PreflightTest, UnitsThatTheReloadTakesUpTooAreNamed) {
  Plan plan;
  plan.steps = {{StepPhase::kActivate, StepAction::kDaemonReload, "systemd", "", "", ""},
                {StepPhase::kActivate, StepAction::kStartUnit, "app.service", "", "", ""}};
  services_.add("cron.service", true);
  EXPECT_THAT(side_effects(deps(), plan), IsEmpty());
  services_.units["cron.service"].need_daemon_reload = true;
  services_.units["app.service"].need_daemon_reload = true;
  EXPECT_THAT(side_effects(deps(), plan),
              ElementsAre("the files of 1 other unit changed since systemd read them, and the "
                          "daemon-reload takes that up too: cron.service"));
  plan.steps.erase(plan.steps.begin());
  EXPECT_THAT(side_effects(deps(), plan), IsEmpty());
}

}  // namespace
}  // namespace rollback
