// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/sd_service_manager.h"

#include <filesystem>

#include "tests/agent/platform/real_systemd.h"

namespace rollback {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kUnit = "rollback-test.service";

class SdServiceManagerTest : public RealSystemd {
 protected:
  void have_unit(const std::string& text) {
    write_unit(kUnit, text);
    ASSERT_TRUE(services_->daemon_reload(kSoon));
  }
  UnitInfo unit(const std::string& name = kUnit) {
    auto info = services_->unit(name);
    EXPECT_TRUE(info) << info.error().message;
    return info ? *info : UnitInfo();
  }
};

TEST_F(SdServiceManagerTest, StartsAndStopsAService) {
  have_unit("[Service]\nExecStart=/bin/sleep 1000\n");
  ASSERT_TRUE(services_->start(kUnit, kSoon));
  const UnitInfo first = unit();
  EXPECT_EQ(first.load_state, "loaded");
  EXPECT_EQ(first.active_state, "active");
  EXPECT_EQ(first.sub_state, "running");
  EXPECT_EQ(first.result, "success");
  EXPECT_EQ(first.unit_file_state, "static");
  EXPECT_EQ(first.fragment_path, std::string("/run/systemd/system/") + kUnit);
  EXPECT_EQ(first.invocation_id.size(), 32U);
  EXPECT_TRUE(std::filesystem::exists("/proc/" + std::to_string(first.main_pid)));
  ASSERT_TRUE(services_->stop(kUnit, kSoon));
  EXPECT_EQ(unit().active_state, "inactive");
  ASSERT_TRUE(services_->start(kUnit, kSoon));
  EXPECT_NE(unit().invocation_id, first.invocation_id);
}

TEST_F(SdServiceManagerTest, KnowsWhichUnitsAreOutdated) {
  have_unit("[Service]\nExecStart=/bin/sleep 1000\n");
  ASSERT_TRUE(services_->start(kUnit, kSoon));  // keeps it in systemd's memory
  const auto before = services_->outdated_units(kSoon);
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_THAT(*before, Not(Contains(kUnit)));
  write_unit(kUnit, "[Service]\nExecStart=/bin/sleep 2000\n");
  EXPECT_THAT(*services_->outdated_units(kSoon), Contains(kUnit));
  ASSERT_TRUE(services_->daemon_reload(kSoon));
  EXPECT_THAT(*services_->outdated_units(kSoon), Not(Contains(kUnit)));
}

TEST_F(SdServiceManagerTest, KnowsWhatAUnitUses) {
  write_file("/run/rollback-test.env", "A=1\n");
  write_unit(kUnit,
             "[Service]\nEnvironmentFile=-/run/rollback-test.env\nExecStartPre=/bin/true\n"
             "ExecStart=/bin/sleep 1000\nExecReload=/bin/kill -HUP $MAINPID\nExecStop=/bin/true\n");
  write_file("/run/systemd/system/rollback-test.service.d/10-more.conf",
             "[Service]\nExecStopPost=/bin/echo over\n");
  ASSERT_TRUE(services_->daemon_reload(kSoon));
  ASSERT_TRUE(services_->start(kUnit, kSoon));  // keeps it in systemd's memory
  const UnitInfo info = unit();
  EXPECT_THAT(info.uses, ElementsAre("/bin/echo", "/bin/kill", "/bin/sleep", "/bin/true",
                                     "/run/rollback-test.env"));
  EXPECT_THAT(info.drop_in_paths,
              ElementsAre("/run/systemd/system/rollback-test.service.d/10-more.conf"));
  EXPECT_FALSE(info.need_daemon_reload);
  std::filesystem::remove_all("/run/systemd/system/rollback-test.service.d");
  std::filesystem::remove("/run/rollback-test.env");
  EXPECT_TRUE(unit().need_daemon_reload);
}

TEST_F(SdServiceManagerTest, AnUnknownUnitIsNoErrorButCannotBeStarted) {
  const UnitInfo info = unit("rollback-nowhere.service");
  EXPECT_EQ(info.load_state, "not-found");
  EXPECT_EQ(info.active_state, "inactive");
  EXPECT_THAT(info.uses, IsEmpty());
  const Status started = services_->start("rollback-nowhere.service", kSoon);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kNotFound) << started.error().message;
  EXPECT_TRUE(services_->reset_failed("rollback-nowhere.service"));
}

TEST_F(SdServiceManagerTest, DescribesUnitsThatAreNoServices) {
  const UnitInfo target = unit("multi-user.target");
  EXPECT_EQ(target.active_state, "active");
  EXPECT_THAT(target.uses, IsEmpty());
  EXPECT_EQ(unit("dbus.socket").load_state, "loaded");
  EXPECT_FALSE(services_->unit("no/such name"));
}

TEST_F(SdServiceManagerTest, AFailedStartSaysResultAndExitStatus) {
  have_unit("[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no database; exit 7'\n");
  const Status started = services_->start(kUnit, kSoon);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kIo);
  EXPECT_THAT(started.error().message, HasSubstr("start rollback-test.service"));
  EXPECT_THAT(started.error().message, HasSubstr("result exit-code, exit status 7"));
  EXPECT_EQ(unit().active_state, "failed");
  ASSERT_TRUE(services_->reset_failed(kUnit));
  EXPECT_EQ(unit().active_state, "inactive");
}

TEST_F(SdServiceManagerTest, AHangingStartIsCancelledAtTheDeadline) {
  have_unit("[Service]\nType=notify\nExecStart=/bin/sleep 1000\n");
  const BootTime begin = clock_.boot();
  const Status started = services_->start(kUnit, milliseconds(500));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kTimeout) << started.error().message;
  EXPECT_GE(clock_.boot() - begin, milliseconds(500));
  EXPECT_LT(clock_.boot() - begin, seconds(3));
  EXPECT_THAT(run({"/usr/bin/systemctl", "list-jobs", "--no-legend"}), Not(HasSubstr(kUnit)));
  EXPECT_TRUE(services_->stop(kUnit, kSoon));
}

TEST_F(SdServiceManagerTest, AHangingStopIsCancelledAndTheUnitCanBeKilled) {
  have_unit(
      "[Service]\nTimeoutStopSec=infinity\n"
      "ExecStart=/usr/bin/env --ignore-signal=TERM /bin/sleep 1000\n");
  ASSERT_TRUE(services_->start(kUnit, kSoon));
  EXPECT_EQ(unit().kill_mode, "control-group");
  ASSERT_TRUE(eventually([&] {  // until then the signal ends it
    std::error_code none;
    const auto exe = "/proc/" + std::to_string(unit().main_pid) + "/exe";
    return std::filesystem::read_symlink(exe, none).filename() == "sleep";
  }));
  const Status stopped = services_->stop(kUnit, milliseconds(500));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kTimeout) << stopped.error().message;
  EXPECT_EQ(unit().active_state, "deactivating");
  ASSERT_TRUE(services_->kill(kUnit));
  EXPECT_TRUE(services_->stop(kUnit, kSoon));
  EXPECT_EQ(unit().main_pid, 0U);
}

TEST_F(SdServiceManagerTest, ReloadsOnlyWhatCanReload) {
  have_unit("[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/true\n");
  ASSERT_TRUE(services_->start(kUnit, kSoon));
  const std::string run_before = unit().invocation_id;
  EXPECT_TRUE(services_->reload(kUnit, kSoon));
  EXPECT_EQ(unit().invocation_id, run_before);
  have_unit("[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/false\n");
  EXPECT_FALSE(services_->reload(kUnit, kSoon));
  have_unit("[Service]\nExecStart=/bin/sleep 1000\n");
  const Status reloaded = services_->reload(kUnit, kSoon);
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code, ErrorCode::kUnsupported) << reloaded.error().message;
}

TEST_F(SdServiceManagerTest, CountsRestarts) {
  have_unit(
      "[Unit]\nStartLimitIntervalSec=0\n"
      "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=100ms\n");
  ASSERT_TRUE(services_->start(kUnit, kSoon));
  EXPECT_TRUE(eventually([&] { return unit().restarts >= 2; }));
}

TEST_F(SdServiceManagerTest, LogTailHoldsTheLastLinesOldestFirstAndPrintable) {
  have_unit(
      "[Service]\nType=oneshot\n"
      "ExecStart=/bin/sh -c 'for i in 1 2 3 4 5; do echo line $i; done; printf "
      "\"\\033[31mred\\n\"'\n");
  ASSERT_TRUE(services_->start(kUnit, kSoon));
  run({"/usr/bin/journalctl", "--sync"});
  auto log = services_->log_tail(kUnit, 100);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_THAT(*log, Contains("line 5"));
  EXPECT_THAT(*log, Contains("\\x1b[31mred"));
  EXPECT_THAT(*log, Contains(HasSubstr("Finished")));  // PID 1 about the unit
  const auto position = [&](const std::string& line) {
    return std::find(log->begin(), log->end(), line) - log->begin();
  };
  EXPECT_LT(position("line 4"), position("line 5"));
  auto last = services_->log_tail(kUnit, 2);
  ASSERT_TRUE(last);
  EXPECT_THAT(*last, ElementsAre((*log)[log->size() - 2], log->back()));
}

TEST_F(SdServiceManagerTest, WorksOverThePrivateSocketWhenTheBusIsNotThere) {
  BusAddresses nowhere;
  nowhere.system_bus = "unix:path=/nonexistent/bus";
  auto without_bus = SdServiceManager::connect(clock_, nowhere);
  ASSERT_TRUE(without_bus) << without_bus.error().message;
  have_unit("[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/true\n");
  EXPECT_TRUE((*without_bus)->start(kUnit, kSoon));
  EXPECT_TRUE((*without_bus)->reload(kUnit, kSoon));
  EXPECT_EQ((*without_bus)->unit(kUnit)->active_state, "active");
  EXPECT_TRUE((*without_bus)->daemon_reload(kSoon));
  EXPECT_TRUE((*without_bus)->stop(kUnit, kSoon));
}

TEST_F(SdServiceManagerTest, SaysSoWhenSystemdIsNotThereAtAll) {
  const auto none = SdServiceManager::connect(
      clock_, {"unix:path=/nonexistent/bus", "unix:path=/nonexistent/private"});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("neither on the system bus nor on its private"));
}

TEST_F(SdServiceManagerTest, HearsASystemdThatStartedItselfAgain) {
  have_unit("[Service]\nExecStart=/bin/sleep 1000\n");
  ASSERT_TRUE(services_->start(kUnit, kSoon));
  run({"/usr/bin/systemctl", "daemon-reexec"});
  const BootTime begin = clock_.boot();
  const Status stopped = services_->stop(kUnit, kSoon);
  EXPECT_TRUE(stopped) << stopped.error().message;
  EXPECT_TRUE(services_->start(kUnit, kSoon));
  EXPECT_LT(clock_.boot() - begin, kSoon / 2);
}

class DeadBusTest : public SdServiceManagerTest {
 protected:
  void TearDown() override {
    if (!services_) return;
    EXPECT_TRUE(services_->start("dbus.socket", kSoon));
    EXPECT_TRUE(services_->start("dbus.service", kSoon));
    SdServiceManagerTest::TearDown();
  }
};

TEST_F(DeadBusTest, AnEstablishedConnectionMovesToThePrivateSocketAndBack) {
  have_unit("[Service]\nExecStart=/bin/sleep 1000\n");
  run({"/usr/bin/systemctl", "stop", "dbus.socket", "dbus.service"});
  ASSERT_EQ(run({"/usr/bin/systemctl", "is-active", "dbus.service"}), "inactive\n");
  EXPECT_TRUE(services_->start(kUnit, kSoon));
  EXPECT_EQ(unit().active_state, "active");
  EXPECT_TRUE(services_->stop(kUnit, kSoon));
  EXPECT_EQ(unit("dbus.service").active_state, "inactive");
}

// systemd sends nothing any more over the bus whose end the job itself brings about.
TEST_F(DeadBusTest, AJobThatEndsTheBusIsStillJudged) {
  EXPECT_TRUE(services_->stop("dbus.socket", kSoon));
  const Status stopped = services_->stop("dbus.service", kSoon);
  EXPECT_TRUE(stopped) << stopped.error().message;
  EXPECT_EQ(unit("dbus.service").active_state, "inactive");
}

TEST_F(DeadBusTest, AFrozenBusIsLeftAfterTwoSeconds) {
  const std::string pid = std::to_string(unit("dbus.service").main_pid);
  if (!run({"/bin/kill", "-STOP", pid}).empty()) GTEST_SKIP() << "needs CAP_KILL";
  const BootTime begin = clock_.boot();
  EXPECT_EQ(unit("dbus.service").active_state, "active");
  EXPECT_LT(clock_.boot() - begin, milliseconds(3500));
  const BootTime again = clock_.boot();
  EXPECT_EQ(unit("dbus.service").active_state, "active");
  EXPECT_LT(clock_.boot() - again, seconds(1));  // it remembers
  run({"/bin/kill", "-CONT", pid});
}

}  // namespace
}  // namespace rollback
