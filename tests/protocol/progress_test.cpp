// SPDX-License-Identifier: Apache-2.0
#include "protocol/progress.h"

#include <gtest/gtest.h>

namespace rollback {
namespace {

using std::chrono::seconds;

ProgressItem item(std::uint64_t bytes, std::uint64_t total, Duration elapsed) {
  return {"capture", 10, bytes, 40, total, elapsed};
}

TEST(Progress, RateIsTheAverageSinceTheBeginning) {
  EXPECT_EQ(bytes_per_second(item(3'000, 0, seconds(3))), 1'000U);
  EXPECT_EQ(bytes_per_second(item(3'000, 0, Duration{})), std::nullopt);
}

TEST(Progress, WhatIsLeftFollowsTheBytes) {
  EXPECT_EQ(time_left(item(1'000, 4'000, seconds(2))), seconds(6));
  EXPECT_EQ(time_left(item(4'000, 4'000, seconds(2))), seconds(0));
}

TEST(Progress, WhatIsLeftFollowsTheFilesWhereBytesAreNotKnown) {
  EXPECT_EQ(time_left(item(0, 0, seconds(2))), seconds(6));
}

TEST(Progress, NothingIsForetoldFromNothingOrPastTheEstimate) {
  EXPECT_EQ(time_left(item(0, 4'000, seconds(2))), std::nullopt);
  EXPECT_EQ(time_left(item(4'001, 4'000, seconds(2))), std::nullopt);
  EXPECT_EQ(time_left(ProgressItem{"capture", 10, 10, 0, 0, seconds(2)}), std::nullopt);
}

}  // namespace
}  // namespace rollback
