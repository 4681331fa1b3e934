// SPDX-License-Identifier: Apache-2.0
#include "core/clock.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_clock.h"

namespace rollback {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(SystemClock, BootTimeNeverGoesBack) {
  const SystemClock clock;
  auto last = clock.boot();
  for (int i = 0; i < 1000; ++i) {
    const auto now = clock.boot();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_GT(clock.wall().ns, 1'700'000'000'000'000'000);
}

TEST(FakeClock, StepsOfTheWallLeaveDeadlinesAlone) {
  FakeClock clock;
  const auto deadline = clock.boot() + seconds(10);
  clock.set_wall({0});
  EXPECT_LT(clock.boot(), deadline);
  clock.advance(seconds(10));
  EXPECT_EQ(clock.boot(), deadline);
  EXPECT_EQ(clock.wall().ns, 10'000'000'000);
}

TEST(FormatUtc, IsWhatPeopleRead) {
  EXPECT_EQ(format_utc({0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_utc({1'709'164'799'999'999'999}), "2024-02-28T23:59:59Z");
}

TEST(FormatDuration, ChoosesItsUnit) {
  EXPECT_EQ(format_duration(milliseconds(450)), "450 ms");
  EXPECT_EQ(format_duration(milliseconds(1320)), "1.32 s");
  EXPECT_EQ(format_duration(minutes(4) + seconds(12)), "4 min 12 s");
}

TEST(ParseDuration, TakesOneNumberAndOneUnit) {
  EXPECT_EQ(*parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(*parse_duration("60s"), seconds(60));
  EXPECT_EQ(*parse_duration("5m"), minutes(5));
  EXPECT_EQ(*parse_duration("2h"), hours(2));
  EXPECT_EQ(*parse_duration("30d"), hours(720));
  EXPECT_EQ(*parse_duration("0s"), seconds(0));
}

TEST(ParseDuration, RefusesTheRest) {
  for (const std::string text : {"", "5", "s", "-5s", "5 s", "1.5s", "5S", "1h30m", "99999999999h",
                                 "99999999999999999999s", "100000h", "4000d"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace rollback
