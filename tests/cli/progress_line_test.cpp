// SPDX-License-Identifier: Apache-2.0
#include "cli/output/progress_line.h"

#include <gtest/gtest.h>

#include "cli/output/text.h"

namespace rollback {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kMiB = 1024 * 1024;

TEST(ProgressLine, SaysFilesBytesRateAndHowLongItTakes) {
  ProgressSum sum;
  EXPECT_EQ(sum.str(80), "");
  sum.take({"capture", 12'345, 1240 * kMiB, 0, 0, seconds(65)}, "");
  EXPECT_EQ(sum.str(80), "capture  12,345 files  1.2 GiB  19.1 MiB/s  1:05");
  sum.take({"capture", 12'345, 1024 * kMiB, 24'690, 2048 * kMiB, seconds(64)}, "");
  EXPECT_EQ(sum.str(80),
            "capture  12,345 of 24,690 files  1.0 GiB of 2.0 GiB  16.0 MiB/s  ETA 1:04");
}

TEST(ProgressLine, AnEstimateThatIsPassedIsNotShown) {
  ProgressSum sum;
  sum.take({"capture", 11, 20 * kMiB, 10, 30 * kMiB, seconds(2)}, "");
  EXPECT_EQ(sum.str(80).find(" of "), std::string::npos);
}

TEST(ProgressLine, AddsTheHostsOfAFleetUp) {
  ProgressSum sum;
  sum.take({"capture", 10, 100 * kMiB, 20, 200 * kMiB, seconds(2)}, "web1");
  sum.take({"capture", 30, 50 * kMiB, 60, 200 * kMiB, seconds(2)}, "web2");
  EXPECT_EQ(sum.str(80),
            "capture  2 hosts  40 of 80 files  150.0 MiB of 400.0 MiB  75.0 MiB/s  ETA 0:06");
  sum.take({"verify", 1, kMiB, 0, 0, seconds(1)}, "web1");
  EXPECT_EQ(sum.str(80), "verify  1 files  1.0 MiB  1.0 MiB/s  0:01");
}

TEST(ProgressLine, FitsAndStaysALine) {
  ProgressSum sum;
  sum.take({"capture\n", 1'234'567'890, 123'456 * kMiB, 2'234'567'890, 999'456 * kMiB,
            std::chrono::hours(10)},
           "");
  for (const std::size_t width : {10U, 40U, 79U}) {
    EXPECT_LE(columns_of(sum.str(width)), width);
    EXPECT_EQ(sum.str(width).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace rollback
