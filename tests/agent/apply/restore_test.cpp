// SPDX-License-Identifier: Apache-2.0
// What a rollback gives back besides contents, and what it leaves alone.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/agent/apply/engine_fixture.h"
#include "tests/agent/apply/tree_resource.h"
#include "tests/support/mounted.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Restore : public RollbackTest {
 protected:
  Restore() { manage({}); }

  void manage(std::vector<std::string> mounts) {
    auto spec = app_specs().front();
    spec.mounts = std::move(mounts);
    options_.resources = {spec};
    resources_.clear();
    resources_.push_back(std::make_unique<TreeResource>(spec));
    restart_agent();
  }
  fs::path app(const std::string& name = "") const { return host_.path() / "etc/app" / name; }
  void write(const std::string& name, const std::string& content) {
    host_.write("etc/app/" + name, content);
  }
  static struct stat stat_of(const fs::path& path) {
    struct stat stat {};
    EXPECT_EQ(::lstat(path.c_str(), &stat), 0) << path;
    return stat;
  }
  static void set_time(const fs::path& path, time_t seconds) {
    const timespec times[2] = {{.tv_sec = seconds, .tv_nsec = 5},
                               {.tv_sec = seconds, .tv_nsec = 7}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  static std::pair<time_t, long> time_of(const fs::path& path) {
    const auto stat = stat_of(path);
    return {stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec};
  }
  void take_back() {
    const auto record = roll_back("v3.0.0");
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_THAT(record->findings, ElementsAre());
    EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  }
  std::vector<std::string> warnings() {
    const auto planned = engine_->plan("v3.0.0");
    EXPECT_TRUE(planned) << planned.error().message;
    return planned ? planned->plan.warnings : std::vector<std::string>{};
  }
};

TEST_F(Restore, AFileWithHolesHasThemAgain) {
  write("holes", "begin");
  fs::resize_file(app("holes"), 10 << 20U);
  write("zeros", std::string(1 << 20U, '\0'));
  snapshot("v3.0.0");
  write("holes", "x");
  write("zeros", "x");
  take_back();
  EXPECT_EQ(host_.read("etc/app/holes"), "begin" + std::string((10 << 20U) - 5, '\0'));
  EXPECT_LE(stat_of(app("holes")).st_blocks * 512, 65536);
  EXPECT_GE(stat_of(app("zeros")).st_blocks * 512, 1 << 20U);
}

TEST_F(Restore, DirectoriesHaveTheirTimesAgain) {
  write("dir/file", "one");
  fs::create_directory(app("empty"));
  for (const auto* name : {"dir/file", "dir", "empty", ""}) set_time(app(name), 1000);
  snapshot("v3.0.0");
  fs::remove_all(app("empty"));
  write("dir/other", "two");
  take_back();
  for (const auto* name : {"dir/file", "dir", "empty", ""})
    EXPECT_EQ(time_of(app(name)), std::pair(time_t{1000}, 7L)) << name;
}

TEST_F(Restore, DirectoriesHaveTheTimesOfTheOriginAfterAnUndo) {
  snapshot("v3.0.0");
  write("dir/file", "one");
  write("old/file", "one");
  for (const auto* name : {"dir", "old", ""}) set_time(app(name), 2000);
  const auto asked = order("v3.0.0");
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  prober_.green = [&] { return watcher_.events.back().phase == RunPhase::kUndoing; };
  const auto record = engine_->commit(asked.run, prepared->plan_digest, watcher_);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  for (const auto* name : {"dir", "old", ""})
    EXPECT_EQ(time_of(app(name)), std::pair(time_t{2000}, 7L)) << name;
}

TEST_F(Restore, AnAccountThatIsMissingLeavesItsNumber) {
  host_.write("etc/passwd", "root:x:0:0::/:/bin/sh\nshop:x:1234:1234::/:/bin/sh\n");
  write("file", "one");
  ASSERT_EQ(::chown(app("file").c_str(), 1234, 0), 0);
  snapshot("v3.0.0");
  host_.write("etc/passwd", "root:x:0:0::/:/bin/sh\nbob:x:1234:1234::/:/bin/sh\n");
  fs::remove(app("file"));
  const auto asked = order("v3.0.0");
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_THAT(prepared->plan.warnings,
              Contains("files of v3.0.0 belong to the user 'shop', which this host does not have: "
                       "they get its number 1234, which is that of 'bob' here"));
  const auto record = engine_->commit(asked.run, prepared->plan_digest, watcher_);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(stat_of(app("file")).st_uid, 1234U);
}

TEST_F(Restore, AnAccountWithAnotherNumberHereGetsTheFile) {
  host_.write("etc/passwd", "root:x:0:0::/:/bin/sh\nshop:x:1234:1234::/:/bin/sh\n");
  write("file", "one");
  ASSERT_EQ(::chown(app("file").c_str(), 1234, 0), 0);
  snapshot("v3.0.0");
  host_.write("etc/passwd", "root:x:0:0::/:/bin/sh\nshop:x:4321:4321::/:/bin/sh\n");
  fs::remove(app("file"));
  take_back();
  EXPECT_EQ(stat_of(app("file")).st_uid, 4321U);
}

TEST_F(Restore, WhatTheReleaseOnlyListsIsLeftAsItIs) {
  ASSERT_EQ(::mkfifo(app("pipe").c_str(), 0600), 0);
  snapshot("v3.0.0");
  fs::remove(app("pipe"));
  write("pipe/now", "a directory");
  write("app.conf", "three");
  EXPECT_THAT(warnings(), Contains("/etc/app/pipe is a socket, FIFO, device or mount point in "
                                   "v3.0.0, of which nothing is recorded: it is left as it is "
                                   "now"));
  take_back();
  EXPECT_EQ(host_.read("etc/app/pipe/now"), "a directory");
  EXPECT_EQ(host_.read("etc/app/app.conf"), "two");
}

TEST_F(Restore, FilesBelowACrossedMountAreTakenBackThere) {
  fs::create_directory(app("data"));
  const Mounted mounted(app("data"));
  manage({"/etc/app/data"});
  write("data/file", "one");
  ASSERT_EQ(::chmod(app("data").c_str(), 0750), 0);
  set_time(app("data"), 1000);
  snapshot("v3.0.0");
  write("data/file", "two");
  write("data/new", "two");
  ASSERT_EQ(::chmod(app("data").c_str(), 0700), 0);
  take_back();
  EXPECT_EQ(host_.read("etc/app/data/file"), "one");
  EXPECT_FALSE(fs::exists(app("data/new")));
  EXPECT_EQ(stat_of(app("data")).st_mode & 07777U, 0750U);
  EXPECT_EQ(time_of(app("data")), std::pair(time_t{1000}, 7L));
  EXPECT_FALSE(fs::exists(app("data/.rollback")));
}

TEST_F(Restore, AMountThatIsNotCrossedIsNotTouched) {
  fs::create_directory(app("data"));
  const Mounted mounted(app("data"));
  write("data/file", "not ours");
  snapshot("v3.0.0");
  write("data/file", "still not ours");
  write("app.conf", "three");
  take_back();
  EXPECT_EQ(host_.read("etc/app/data/file"), "still not ours");
}

TEST_F(Restore, ADirectoryWithAMountOnItIsNotRemoved) {
  snapshot("v3.0.0");
  fs::create_directory(app("data"));
  const Mounted mounted(app("data"));
  manage({"/etc/app/data"});
  const auto error = refused("v3.0.0");
  EXPECT_EQ(error.code, ErrorCode::kConflict);
  EXPECT_THAT(error.message, HasSubstr("/etc/app/data must go"));
  EXPECT_THAT(error.message, HasSubstr("unmount it"));
}

TEST_F(Restore, ADirectoryIsNotMadeWhereSomethingIsMountedNow) {
  write("data/file", "one");
  snapshot("v3.0.0");
  const Mounted mounted(app("data"));
  const auto error = refused("v3.0.0");
  EXPECT_THAT(error.message, HasSubstr("/etc/app/data has to be written"));
  EXPECT_THAT(error.message, HasSubstr("mount point"));
}

// 30 directories of 200 bytes: more than one call of the kernel takes.
TEST_F(Restore, PathsMayBeLongerThanOneCallTakes) {
  std::string path = "etc/app";
  for (int depth = 0; depth < 30; ++depth) {
    path += "/" + std::string(200, 'd');
    ASSERT_TRUE(root_.make_directory(path, 0755));
  }
  ASSERT_TRUE(root_.create_file(path + "/file", 0644)->write_all("one"));
  snapshot("v3.0.0");
  ASSERT_TRUE(root_.remove_tree("etc/app/" + std::string(200, 'd')));
  take_back();
  EXPECT_EQ(*root_.open_file(path + "/file")->read_all(10), "one");
  ASSERT_TRUE(root_.remove_tree("etc/app/" + std::string(200, 'd')));
}

}  // namespace
}  // namespace rollback
