// SPDX-License-Identifier: Apache-2.0
#include "core/fs/holes.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

class Holes : public testing::Test {
 protected:
  // `content` written in pieces of at most `piece` bytes.
  FileStat written(const std::string& content, std::size_t piece) {
    const auto name = std::to_string(files_++);
    const auto file = root_.create_file(name, 0600).value();
    HoleWriter writer(file);
    for (std::size_t at = 0; at < content.size(); at += piece)
      EXPECT_TRUE(writer.add(std::string_view(content).substr(at, piece)));
    EXPECT_TRUE(writer.finish());
    EXPECT_EQ(temp_.read(name), content);
    return file.stat().value();
  }

  KernelSyscalls kernel_;
  TempDirectory temp_;
  Directory root_ = temp_.open(kernel_);
  int files_ = 0;
};

constexpr std::size_t kMiB = 1 << 20U;

TEST_F(Holes, RunsOfZerosTakeNoRoom) {
  const auto stat = written("begin" + std::string(kMiB, '\0') + "end", 64 * 1024);
  EXPECT_TRUE(has_holes(stat));
  EXPECT_LE(stat.allocated, 4 * HoleWriter::kBlock);
}

TEST_F(Holes, AreKeptAtTheEndAndWhereThereIsNothingElse) {
  EXPECT_LE(written("begin" + std::string(kMiB, '\0'), kMiB * 2).allocated, HoleWriter::kBlock * 2);
  EXPECT_EQ(written(std::string(kMiB, '\0'), 1000).allocated, 0U);
  EXPECT_EQ(written("", 1).size, 0U);
}

TEST_F(Holes, NoneAreSeenInAnOrdinaryFile) {
  EXPECT_FALSE(has_holes(written(std::string(kMiB, 'x'), 5000)));
  EXPECT_FALSE(has_holes(written("short", 5)));
}

TEST_F(Holes, RandomContentsComeOutAsTheyWere) {
  SeededRandom random;
  for (int turn = 0; turn < 200; ++turn) {
    std::string content;
    for (auto parts = random.below(6); parts > 0; --parts)
      content += std::string(random.below(20'000), random.below(2) == 0 ? '\0' : 'x');
    (void)written(content, 1 + random.below(10'000));  // compares what is read
  }
}

}  // namespace
}  // namespace rollback
