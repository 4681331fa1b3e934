// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

#include "agent/apply/stage.h"
#include "tests/support/faulty_syscalls.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

class LiveParentsTest : public ::testing::Test {
 protected:
  LiveParentsTest() {
    temp_.write("etc/app/a", "a");
    temp_.write("etc/app/b", "b");
    calls_.answer = [this](std::string_view call) {
      if (call != "openat2") return 0;
      ++opened_;
      return fails_ ? -EMFILE : 0;
    };
  }
  KernelSyscalls kernel_;
  FaultySyscalls calls_{kernel_};
  TempDirectory temp_;
  Directory root_ = temp_.open(calls_);
  LiveParents parents_{root_};
  int opened_ = 0;
  bool fails_ = false;
};

TEST_F(LiveParentsTest, OpensTheParentOfNeighboursOnce) {
  ASSERT_TRUE(parents_.find("/etc/app/a").value());
  const int before = opened_;
  EXPECT_TRUE(parents_.of("/etc/app/b"));
  EXPECT_EQ(opened_, before);
}

TEST_F(LiveParentsTest, AsksOnceForAParentThatIsNotThere) {
  EXPECT_FALSE(parents_.find("/etc/gone/a").value());
  const int before = opened_;
  EXPECT_FALSE(parents_.find("/etc/gone/b").value());
  EXPECT_EQ(opened_, before);
  EXPECT_TRUE(parents_.find("/etc/app/b").value());
}

TEST_F(LiveParentsTest, AsksAgainAfterAFailureThatMayPass) {
  fails_ = true;
  EXPECT_FALSE(parents_.find("/etc/app/a"));
  fails_ = false;
  const auto found = parents_.find("/etc/app/b");
  ASSERT_TRUE(found);
  EXPECT_TRUE(*found);
}

}  // namespace
}  // namespace rollback
