// SPDX-License-Identifier: Apache-2.0
// Somebody who can write below a managed root swaps a directory for a link to the outside, as fast
// as the kernel lets him, while we read and publish through it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "core/fs/publish.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;

constexpr int kTries = 20'000;

class EscapeTest : public ::testing::Test {
 protected:
  EscapeTest() {
    temp_.write("root/dir/file", "inside");
    temp_.write("root/stage/slot", "staged");
    temp_.write("outside/file", "outside");
    fs::create_directory_symlink(temp_.path() / "outside", temp_.path() / "root/link");
    root_ = Directory::open_root(kernel_, (temp_.path() / "root").string()).value();
    stage_ = *root_.open_directory("stage");
    attacker_ = std::jthread([this](const std::stop_token& stop) {
      const auto dir = (temp_.path() / "root/dir").string();
      const auto link = (temp_.path() / "root/link").string();
      while (!stop.stop_requested()) {
        ::renameat2(AT_FDCWD, dir.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
        ++swaps_;
      }
    });
    while (swaps_ == 0) std::this_thread::yield();
  }

  KernelSyscalls kernel_;
  TempDirectory temp_;
  Directory root_;
  Directory stage_;
  std::atomic<long> swaps_ = 0;
  std::jthread attacker_;  // last: ends first
};

TEST_F(EscapeTest, ReadingNeverLeavesTheRoot) {
  int inside = 0;
  int refused = 0;
  for (int i = 0; i < kTries; ++i) {
    const auto file = root_.open_file("dir/file");
    if (!file) {
      ++refused;
      continue;
    }
    ASSERT_EQ(*file->read_all(100), "inside") << "try " << i;
    ++inside;
  }
  EXPECT_GT(inside, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(EscapeTest, PublishingNeverLeavesTheRoot) {
  int published = 0;
  int refused = 0;
  for (int i = 0; i < kTries; ++i)
    ++(publish(stage_, "slot", root_, "dir/file", PublishMode::kExchange) ? published : refused);
  EXPECT_EQ(temp_.read("outside/file"), "outside");
  EXPECT_GT(published, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(EscapeTest, RemovingNeverLeavesTheRoot) {
  for (int i = 0; i < kTries; ++i) (void)root_.remove_file("dir/file");
  EXPECT_EQ(temp_.read("outside/file"), "outside");
}

// The control: looking first and opening afterwards is caught, so the attack above is a real one.
TEST_F(EscapeTest, LookingFirstIsCaught) {
  const auto dir = temp_.path() / "root/dir";
  const auto file = dir / "file";
  bool escaped = false;
  for (int i = 0; i < 50 * kTries && !escaped; ++i) {
    if (fs::is_symlink(dir)) continue;
    const int fd = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue;
    char content[8] = {};
    escaped = ::read(fd, content, 7) == 7 && std::string(content) == "outside";
    ::close(fd);
  }
  EXPECT_TRUE(escaped);
}

}  // namespace
}  // namespace rollback
