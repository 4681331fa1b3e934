// SPDX-License-Identifier: Apache-2.0
#include "core/fs/walk.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WalkTest : public ::testing::Test {
 protected:
  WalkTest() : root_(temp_.open(kernel_)) {}

  Status collect(const std::string& start, const WalkLimits& limits = {}) {
    entries_.clear();
    paths_.clear();
    return walk(
        root_, start,
        [this](const WalkEntry& entry) -> Result<WalkNext> {
          entries_.push_back(entry);
          paths_.push_back(entry.path);
          return WalkNext::kEnter;
        },
        limits);
  }

  KernelSyscalls kernel_;
  TempDirectory temp_;
  Directory root_;
  std::vector<WalkEntry> entries_;
  std::vector<std::string> paths_;
};

TEST_F(WalkTest, DirectoriesComeFirstAndNamesInByteOrder) {
  for (const char* path : {"a/b/c", "a/b-c", "a/B", "a.x", "b"}) temp_.write(path, path);
  ASSERT_TRUE(collect(""));
  EXPECT_THAT(paths_, ElementsAre("", "a", "a/B", "a/b", "a/b/c", "a/b-c", "a.x", "b"));
  EXPECT_EQ(entries_[2].stat.size, 3U);
  EXPECT_EQ(entries_[1].stat.type, FileType::kDirectory);
  ASSERT_TRUE(collect("."));
  EXPECT_EQ(paths_.front(), "");
}

TEST_F(WalkTest, StartsAnywhere) {
  temp_.write("a/b/c", "");
  ASSERT_TRUE(collect("a/b"));
  EXPECT_THAT(paths_, ElementsAre("a/b", "a/b/c"));
  ASSERT_TRUE(collect("a/b/c"));
  EXPECT_THAT(paths_, ElementsAre("a/b/c"));
  EXPECT_EQ(collect("a/x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(collect("../x").error().code, ErrorCode::kInvalid);
}

TEST_F(WalkTest, FollowsNothingAndOpensOnlyDirectories) {
  temp_.write("out/secret", "");
  fs::create_directories(temp_.path() / "in");
  fs::create_directory_symlink("../out", temp_.path() / "in/link");
  fs::create_directory_symlink(".", temp_.path() / "in/loop");
  ASSERT_EQ(::mkfifo((temp_.path() / "in/fifo").c_str(), 0600), 0);
  ::alarm(20);  // opening the FIFO would end the test program here
  ASSERT_TRUE(collect("in"));
  ::alarm(0);
  EXPECT_THAT(paths_, ElementsAre("in", "in/fifo", "in/link", "in/loop"));
  EXPECT_EQ(entries_[1].stat.type, FileType::kOther);
  EXPECT_EQ(entries_[2].stat.type, FileType::kSymlink);
}

TEST_F(WalkTest, SkipsWhatTheVisitorSkips) {
  for (const char* path : {"a/x", "b/x"}) temp_.write(path, "");
  const auto status = walk(root_, "", [&](const WalkEntry& entry) -> Result<WalkNext> {
    paths_.push_back(entry.path);
    return entry.path == "a" ? WalkNext::kSkip : WalkNext::kEnter;
  });
  ASSERT_TRUE(status);
  EXPECT_THAT(paths_, ElementsAre("", "a", "b", "b/x"));
}

TEST_F(WalkTest, StopsAtTheVisitorsFirstError) {
  for (const char* path : {"a", "b", "c"}) temp_.write(path, "");
  const auto status = walk(root_, "", [&](const WalkEntry& entry) -> Result<WalkNext> {
    paths_.push_back(entry.path);
    if (entry.path == "b") return fail(ErrorCode::kConflict, "enough");
    return WalkNext::kEnter;
  });
  EXPECT_EQ(status.error().message, "enough");
  EXPECT_THAT(paths_, ElementsAre("", "a", "b"));
}

TEST_F(WalkTest, EntriesMayVanishWhileItWalks) {
  for (const char* path : {"a/x", "b/y", "c"}) temp_.write(path, "");
  const auto status = walk(root_, "", [&](const WalkEntry& entry) -> Result<WalkNext> {
    paths_.push_back(entry.path);
    if (entry.path == "a") fs::remove_all(temp_.path() / "a");
    if (entry.path == "b/y") fs::remove(temp_.path() / "c");
    return WalkNext::kEnter;
  });
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_THAT(paths_, ElementsAre("", "a", "b", "b/y"));
}

TEST_F(WalkTest, NoticesADirectoryThatWasSwapped) {
  temp_.write("a/x", "");
  temp_.write("other/secret", "");
  const auto status = walk(root_, "", [&](const WalkEntry& entry) -> Result<WalkNext> {
    if (entry.path == "a") {
      fs::rename(temp_.path() / "a", temp_.path() / "z");
      fs::rename(temp_.path() / "other", temp_.path() / "a");
    }
    return WalkNext::kEnter;
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBusy);
}

TEST_F(WalkTest, StopsAboveItsLimits) {
  for (const char* path : {"a/b/c/d", "e", "f"}) temp_.write(path, "");  // 7 with the start
  EXPECT_TRUE(collect("", {.max_entries = 7, .max_depth = 4}));
  EXPECT_EQ(collect("", {.max_entries = 6, .max_depth = 4}).error().code, ErrorCode::kInvalid);
  const auto deep = collect("", {.max_entries = 7, .max_depth = 2});
  EXPECT_EQ(deep.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(deep.error().message, HasSubstr("nested more than 2 directories deep"));
  EXPECT_TRUE(collect("", {.max_entries = 7, .max_depth = 3 + 1}));
}

TEST_F(WalkTest, ReportsMountPointsAndStaysOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can mount";
  temp_.write("a/before", "");
  temp_.write("bound", "");
  fs::create_directories(temp_.path() / "a/mounted");
  const auto mounted = temp_.path() / "a/mounted";
  const auto bound = temp_.path() / "bound";
  ASSERT_EQ(::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=1m"), 0);
  ASSERT_EQ(::mount("/etc/hostname", bound.c_str(), nullptr, MS_BIND, nullptr), 0);
  temp_.write("a/mounted/hidden", "");
  const auto status = collect("");
  const auto entries = entries_;
  const auto paths = paths_;
  const auto at_start = collect("a/mounted");
  const auto removed = root_.remove_tree("a");
  const bool kept = fs::exists(mounted / "hidden");
  ::umount2(bound.c_str(), MNT_DETACH);
  ::umount2(mounted.c_str(), MNT_DETACH);

  ASSERT_TRUE(status);
  EXPECT_THAT(paths, ElementsAre("", "a", "a/before", "a/mounted", "bound"));
  EXPECT_FALSE(entries[1].mount_point);
  EXPECT_FALSE(entries[2].mount_point);
  EXPECT_TRUE(entries[3].mount_point);
  EXPECT_TRUE(entries[4].mount_point);
  ASSERT_TRUE(at_start);
  EXPECT_THAT(paths_, ElementsAre("a/mounted"));
  EXPECT_FALSE(removed);
  EXPECT_TRUE(kept);
}

}  // namespace
}  // namespace rollback
