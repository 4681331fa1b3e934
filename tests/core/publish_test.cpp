// SPDX-License-Identifier: Apache-2.0
#include "core/fs/publish.h"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/child.h"
#include "tests/support/faulty_syscalls.h"
#include "tests/support/lacking_syscalls.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Eq;

class PublishTest : public ::testing::Test {
 protected:
  PublishTest() : root_(temp_.open(kernel_)) {}
  KernelSyscalls kernel_;
  TempDirectory temp_;
  Directory root_;
};

TEST_F(PublishTest, ReplaceMakesAndReplaces) {
  ASSERT_TRUE(replace_file(root_, "file", "one", 0640));
  EXPECT_EQ(temp_.read("file"), "one");
  EXPECT_EQ(root_.stat("file")->mode, 0640U);
  ASSERT_TRUE(replace_file(root_, "file", "", 0604));
  EXPECT_EQ(temp_.read("file"), "");
  EXPECT_EQ(root_.stat("file")->mode, 0604U);
  EXPECT_THAT(*root_.list(""), ElementsAre("file"));
}

TEST_F(PublishTest, ReplaceWorksBelow) {
  fs::create_directories(temp_.path() / "a/b");
  ASSERT_TRUE(replace_file(root_, "a/b/file", "deep", 0600));
  EXPECT_EQ(temp_.read("a/b/file"), "deep");
  EXPECT_EQ(replace_file(root_, "no/file", "x", 0600).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(replace_file(root_, "../file", "x", 0600).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(replace_file(root_, "", "x", 0600).error().code, ErrorCode::kInvalid);
}

TEST_F(PublishTest, ReplaceTakesTheLinkAwayNotItsTarget) {
  temp_.write("target", "kept");
  ASSERT_TRUE(root_.make_symlink("target", "link"));
  ASSERT_TRUE(replace_file(root_, "link", "new", 0600));
  EXPECT_EQ(temp_.read("target"), "kept");
  EXPECT_EQ(root_.stat("link")->type, FileType::kRegular);
}

TEST_F(PublishTest, ReplaceIsNotMisledByALeftover) {
  temp_.write("target", "kept");
  ASSERT_TRUE(root_.make_symlink("target", ".file.rollback-new"));
  ASSERT_TRUE(replace_file(root_, "file", "new", 0600));
  EXPECT_EQ(temp_.read("file"), "new");
  EXPECT_EQ(temp_.read("target"), "kept");
}

// Old or new after a kill before any call, and the next replace works and leaves nothing behind.
TEST_F(PublishTest, ReplaceSurvivesAKillAtEveryCall) {
  const std::string fresh(100'000, 'n');
  int point = 0;
  for (bool more = true; more; ++point) {
    ASSERT_TRUE(replace_file(root_, "file", "old", 0600));
    more = was_killed([&] {
      FaultySyscalls calls(kernel_, KillAt{point}, Counted::kAll);
      (void)replace_file(temp_.open(calls), "file", fresh, 0600);
    });
    EXPECT_THAT(temp_.read("file"), AnyOf(Eq("old"), Eq(fresh))) << "killed at call " << point;
    EXPECT_TRUE(more || temp_.read("file") == fresh);
    ASSERT_TRUE(replace_file(root_, "file", "again", 0600)) << "killed at call " << point;
    EXPECT_THAT(*root_.list(""), ElementsAre("file")) << "killed at call " << point;
  }
  EXPECT_GE(point, 8);  // open, lock, create, write, mode, sync, rename, sync
}

// An error before the rename leaves the old content, and no temporary unless removing it failed.
TEST_F(PublishTest, ReplaceSurvivesAnErrorAtEveryCall) {
  int failed = 0;
  for (int point = 0;; ++point) {
    ASSERT_TRUE(replace_file(root_, "file", "old", 0600));
    FaultySyscalls calls(kernel_, FailAt{point, EIO});
    const auto status = replace_file(temp_.open(calls), "file", "new", 0600);
    if (status) break;
    ++failed;
    EXPECT_EQ(status.error().code, ErrorCode::kIo);
    EXPECT_THAT(temp_.read("file"), AnyOf(Eq("old"), Eq("new"))) << "failed at call " << point;
    EXPECT_THAT(*root_.list(""), ElementsAre("file")) << "failed at call " << point;
  }
  EXPECT_EQ(failed, 6);  // create, write, mode, sync, rename, sync of the directory
}

TEST_F(PublishTest, ReplaceSyncsFileBeforeAndDirectoryAfterTheRename) {
  for (const int point : {3, 5}) {  // fsync of the file, fsync of the directory
    ASSERT_TRUE(replace_file(root_, "file", "old", 0600));
    FaultySyscalls calls(kernel_, FailAt{point, EIO});
    EXPECT_FALSE(replace_file(temp_.open(calls), "file", "new", 0600));
    EXPECT_EQ(temp_.read("file"), point == 3 ? "old" : "new");
  }
}

TEST_F(PublishTest, ReplacesOfSeveralThreadsNeverMix) {
  const auto write = [&](char letter) {
    for (int i = 0; i < 50; ++i)
      EXPECT_TRUE(replace_file(root_, "file", std::string(9000, letter), 0600));
  };
  {
    std::jthread a(write, 'a');
    std::jthread b(write, 'b');
    for (int i = 0; i < 200; ++i) {
      const auto file = root_.open_file("file");
      if (!file) continue;
      const auto content = *file->read_all(10'000);
      EXPECT_EQ(content, std::string(9000, content.front()));
    }
  }
  EXPECT_THAT(*root_.list(""), ElementsAre("file"));
}

TEST_F(PublishTest, ExchangeSwapsAndKeepsThePreImage) {
  temp_.write("stage/0", "new");
  temp_.write("live/conf/x", "old");
  const auto stage = *root_.open_directory("stage");
  const auto live = *root_.open_directory("live");
  ASSERT_TRUE(publish(stage, "0", live, "conf/x", PublishMode::kExchange));
  EXPECT_EQ(temp_.read("live/conf/x"), "new");
  EXPECT_EQ(temp_.read("stage/0"), "old");
  EXPECT_EQ(publish(stage, "0", live, "conf/absent", PublishMode::kExchange).error().code,
            ErrorCode::kNotFound);
}

TEST_F(PublishTest, MovesNeverOverwrite) {
  temp_.write("stage/0", "new");
  temp_.write("live/x", "old");
  const auto stage = *root_.open_directory("stage");
  const auto live = *root_.open_directory("live");
  EXPECT_EQ(publish(stage, "0", live, "x", PublishMode::kMoveIn).error().code, ErrorCode::kExists);
  EXPECT_EQ(publish(stage, "0", live, "x", PublishMode::kMoveOut).error().code, ErrorCode::kExists);
  ASSERT_TRUE(publish(stage, "0", live, "y", PublishMode::kMoveIn));
  ASSERT_TRUE(publish(stage, "1", live, "x", PublishMode::kMoveOut));
  EXPECT_EQ(temp_.read("live/y"), "new");
  EXPECT_EQ(temp_.read("stage/1"), "old");
  EXPECT_THAT(*live.list(""), ElementsAre("y"));
}

TEST_F(PublishTest, ReplacesWhatIsThere) {
  temp_.write("stage/0", "new");
  temp_.write("live/x", "old");
  const auto stage = *root_.open_directory("stage");
  const auto live = *root_.open_directory("live");
  ASSERT_TRUE(link_entry(live, "x", stage, "1"));
  EXPECT_EQ(link_entry(live, "x", stage, "1").error().code, ErrorCode::kExists);
  ASSERT_TRUE(publish(stage, "0", live, "x", PublishMode::kReplace));
  EXPECT_EQ(temp_.read("live/x"), "new");
  EXPECT_EQ(temp_.read("stage/1"), "old");
  EXPECT_THAT(*stage.list(""), ElementsAre("1"));
}

// On a file system that knows no flags of rename.
class PublishByLinksTest : public PublishTest {
 protected:
  PublishByLinksTest() {
    temp_.write("stage/0", "new");
    temp_.write("live/x", "old");
  }
  // The directories, by calls of their own.
  Status move(Syscalls& calls, const std::string& slot, const std::string& name, PublishMode mode) {
    LackingSyscalls lacking(calls, {.rename_flags = RENAME_EXCHANGE | RENAME_NOREPLACE});
    const auto root = temp_.open(lacking);
    return publish(*root.open_directory("stage"), slot, *root.open_directory("live"), name, mode);
  }
};

TEST_F(PublishByLinksTest, CannotExchange) {
  const auto exchanged = move(kernel_, "0", "x", PublishMode::kExchange);
  ASSERT_FALSE(exchanged);
  EXPECT_TRUE(is_unsupported(exchanged.error()));
}

TEST_F(PublishByLinksTest, MovesNeverOverwrite) {
  EXPECT_EQ(move(kernel_, "0", "x", PublishMode::kMoveIn).error().code, ErrorCode::kExists);
  EXPECT_EQ(move(kernel_, "0", "x", PublishMode::kMoveOut).error().code, ErrorCode::kExists);
  ASSERT_TRUE(move(kernel_, "0", "y", PublishMode::kMoveIn));
  ASSERT_TRUE(move(kernel_, "1", "x", PublishMode::kMoveOut));
  EXPECT_EQ(temp_.read("live/y"), "new");
  EXPECT_EQ(temp_.read("stage/1"), "old");
  EXPECT_THAT(*root_.list("live"), ElementsAre("y"));
  EXPECT_THAT(*root_.list("stage"), ElementsAre("1"));
}

TEST_F(PublishByLinksTest, DirectoriesAndLinksAreMovedToo) {
  fs::create_directory(temp_.path() / "stage/directory");
  fs::create_symlink("absent", temp_.path() / "stage/link");
  EXPECT_EQ(move(kernel_, "directory", "x", PublishMode::kMoveIn).error().code, ErrorCode::kExists);
  ASSERT_TRUE(move(kernel_, "directory", "d", PublishMode::kMoveIn));
  ASSERT_TRUE(move(kernel_, "link", "l", PublishMode::kMoveIn));
  EXPECT_THAT(*root_.list("live"), ElementsAre("d", "l", "x"));
  EXPECT_EQ(*root_.read_link("live/l"), "absent");
  EXPECT_THAT(*root_.list("stage"), ElementsAre("0"));
}

TEST_F(PublishByLinksTest, TheNewNameIsDurableBeforeTheOldOneGoes) {
  for (const auto mode : {PublishMode::kMoveIn, PublishMode::kMoveOut}) {
    FaultySyscalls hears(kernel_);
    std::vector<std::string> changes;
    hears.answer = [&](std::string_view call) {
      if (call == "linkat" || call == "fsync" || call == "unlinkat") changes.emplace_back(call);
      return 0;
    };
    ASSERT_TRUE(move(hears, "0", "y", mode));
    EXPECT_THAT(changes, ElementsAre("linkat", "fsync", "unlinkat"));
  }
}

TEST_F(PublishByLinksTest, AKilledMoveLeavesOneNameOrBoth) {
  bool both = false;
  for (int point = 0, more = 1; more != 0; ++point) {
    more = was_killed([&] {
      FaultySyscalls calls(kernel_, KillAt{point});
      (void)move(calls, "0", "y", PublishMode::kMoveIn);
    });
    const auto slot = root_.find_stat("stage/0").value();
    const auto live = root_.find_stat("live/y").value();
    EXPECT_TRUE(slot || live);
    EXPECT_TRUE(!slot || !live || slot->ino == live->ino);
    both = both || (slot && live);
    fs::remove(temp_.path() / "live/y");
    temp_.write("stage/0", "new");
  }
  EXPECT_TRUE(both);
}

TEST_F(PublishTest, ExchangesLinksAsTheyAre) {
  temp_.write("stage/0", "new");
  temp_.write("target", "kept");
  ASSERT_TRUE(root_.make_symlink("target", "link"));
  ASSERT_TRUE(publish(*root_.open_directory("stage"), "0", root_, "link", PublishMode::kExchange));
  EXPECT_EQ(temp_.read("target"), "kept");
  EXPECT_EQ(temp_.read("link"), "new");
  EXPECT_EQ(*root_.read_link("stage/0"), "target");
}

TEST_F(PublishTest, PathsStayBelow) {
  temp_.write("in/x", "1");
  temp_.write("out/y", "2");
  fs::create_directory_symlink("../out", temp_.path() / "in/out");
  const auto in = *root_.open_directory("in");
  for (const std::string path : {"../out/y", "/out/y", "out/y", "", "a//b"}) {
    EXPECT_FALSE(publish(in, "x", in, path, PublishMode::kExchange)) << path;
    EXPECT_FALSE(publish(in, path, in, "x", PublishMode::kExchange)) << path;
  }
  EXPECT_EQ(temp_.read("out/y"), "2");
}

TEST_F(PublishTest, CrossingAMountIsUnsupported) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can mount";
  temp_.write("stage/0", "new");
  fs::create_directories(temp_.path() / "live/mounted");
  const auto mounted = temp_.path() / "live/mounted";
  ASSERT_EQ(::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=1m"), 0);
  const auto stage = *root_.open_directory("stage");
  const auto inside =
      publish(stage, "0", *root_.open_directory("live"), "mounted/x", PublishMode::kMoveIn);
  const auto across = publish(stage, "0", Directory::open_root(kernel_, mounted.string()).value(),
                              "x", PublishMode::kMoveIn);
  const bool refused = !root_.open_directory("live/mounted");
  const bool allowed = root_.open_directory("live/mounted", Crossing::kAllow).has_value();
  ::umount2(mounted.c_str(), MNT_DETACH);
  EXPECT_EQ(inside.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(across.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(refused);
  EXPECT_TRUE(allowed);
}

}  // namespace
}  // namespace rollback
