// SPDX-License-Identifier: Apache-2.0
#include "agent/service/progress.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/fake_clock.h"

namespace rollback {
namespace {

using std::chrono::milliseconds;

struct Told {
  FakeClock clock;
  std::vector<ProgressItem> items;
  ProgressTeller teller{"capture", clock,
                        [this](const ProgressItem& item) { items.push_back(item); }};
};

TEST(ProgressTeller, IsSilentInTheFirstSecond) {
  Told told;
  for (int i = 0; i < 9; ++i) {
    told.clock.advance(milliseconds(100));
    told.teller.tell(1, 1);
  }
  EXPECT_TRUE(told.items.empty());
  told.clock.advance(milliseconds(100));
  told.teller.tell(10, 4096);
  ASSERT_EQ(told.items.size(), 1U);
  EXPECT_EQ(told.items[0].work, "capture");
  EXPECT_EQ(told.items[0].files, 10U);
  EXPECT_EQ(told.items[0].bytes, 4096U);
  EXPECT_EQ(told.items[0].elapsed, std::chrono::seconds(1));
}

TEST(ProgressTeller, ThenTellsTwiceASecondHoweverManyFilesThereAre) {
  Told told;
  for (std::uint64_t file = 1; file <= 10'000; ++file) {
    told.clock.advance(milliseconds(1));
    told.teller.tell(file, file);
  }
  EXPECT_EQ(told.items.size(), 19U);  // at 1.0 s, 1.5 s, ... 10.0 s
}

TEST(ProgressTeller, SaysWhatItWillComeToWhereThatIsKnown) {
  Told told;
  told.clock.advance(milliseconds(1000));
  told.teller.tell(1, 1);
  told.teller.expect(100, 1'000);
  told.clock.advance(milliseconds(500));
  told.teller.tell(2, 2);
  ASSERT_EQ(told.items.size(), 2U);
  EXPECT_EQ(told.items[0].total_files, 0U);
  EXPECT_EQ(told.items[1].total_files, 100U);
  EXPECT_EQ(told.items[1].total_bytes, 1'000U);
}

}  // namespace
}  // namespace rollback
