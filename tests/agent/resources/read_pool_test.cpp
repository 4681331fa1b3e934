// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/read_pool.h"

#include <gtest/gtest.h>

#include <atomic>

namespace rollback {
namespace {

TEST(ReadPool, WithoutThreadsDoesTheJobAtOnce) {
  ReadPool pool(0);
  int done = 0;
  pool.post(1, [&] { done = 1; });
  EXPECT_EQ(done, 1);
}

TEST(ReadPool, DoesEveryJobBeforeItGoes) {
  std::atomic<int> done = 0;
  {
    ReadPool pool(4);
    for (int i = 0; i < 5000; ++i) pool.post(0, [&] { ++done; });
  }
  EXPECT_EQ(done, 5000);
}

TEST(ReadPool, HoldsNoMoreBytesThanItMay) {
  std::atomic<std::uint64_t> held = 0;
  std::atomic<std::uint64_t> most = 0;
  {
    ReadPool pool(4);
    constexpr std::uint64_t kBytes = ReadPool::kMaxHeld / 3;
    for (int i = 0; i < 200; ++i)
      pool.post(kBytes, [&] {
        const std::uint64_t now = held += kBytes;
        for (auto seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        held -= kBytes;
      });
  }
  EXPECT_GT(most, 0U);
  EXPECT_LE(most, ReadPool::kMaxHeld);
}

// It would wait for ever for room that there never is.
TEST(ReadPool, TakesALargerJobAlone) {
  std::atomic<int> done = 0;
  {
    ReadPool pool(2);
    for (int i = 0; i < 3; ++i) pool.post(2 * ReadPool::kMaxHeld, [&] { ++done; });
  }
  EXPECT_EQ(done, 3);
}

}  // namespace
}  // namespace rollback
