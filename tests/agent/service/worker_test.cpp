// SPDX-License-Identifier: Apache-2.0
#include "agent/service/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

#include "tests/support/fake_clock.h"

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A job that runs until it is let go.
class Held {
 public:
  Worker::Job job(std::string what, Duration deadline = std::chrono::seconds(1)) {
    return {std::move(what), deadline, [this] {
              began_.set_value();
              go_.get_future().wait();
            }};
  }
  void wait_begun() { began_.get_future().wait(); }
  void let_go() { go_.set_value(); }

 private:
  std::promise<void> began_;
  std::promise<void> go_;
};

TEST(Worker, RefusesMoreThanItsQueueHoldsAndNamesTheRunningJob) {
  const FakeClock clock;
  Held held;
  Worker worker("test", clock, 1);
  ASSERT_TRUE(worker.post(held.job("a rollback to v2.4.1 by ann")));
  held.wait_begun();
  EXPECT_TRUE(worker.post({"next", std::chrono::seconds(1), [] {}}));
  const auto refused = worker.post({"third", std::chrono::seconds(1), [] {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_THAT(refused.error().message, HasSubstr("a rollback to v2.4.1 by ann"));
  held.let_go();
}

TEST(Worker, SaysWhatRunsAndWhetherItIsOverdue) {
  FakeClock clock;
  Held held;
  Worker worker("test", clock);
  EXPECT_FALSE(worker.current());
  ASSERT_TRUE(worker.post(held.job("a capture", std::chrono::seconds(1))));
  held.wait_begun();
  EXPECT_EQ(worker.current(), "a capture");
  clock.advance(std::chrono::seconds(1));
  EXPECT_FALSE(worker.overdue());
  clock.advance(std::chrono::nanoseconds(1));
  EXPECT_TRUE(worker.overdue());
  held.let_go();
}

TEST(Worker, RunsWhatIsQueuedInOrderBeforeItEnds) {
  const FakeClock clock;
  std::vector<int> ran;
  Held held;
  {
    Worker worker("test", clock);
    ASSERT_TRUE(worker.post(held.job("first")));
    for (int i = 1; i <= 3; ++i)
      ASSERT_TRUE(worker.post({"job", std::chrono::seconds(1), [&ran, i] { ran.push_back(i); }}));
    held.let_go();
  }
  EXPECT_THAT(ran, ElementsAre(1, 2, 3));
}

TEST(Worker, LetsGoAfterEachJob) {
  const FakeClock clock;
  std::vector<int> ran;
  {
    Worker worker("test", clock, 2, [&ran] { ran.push_back(0); });
    for (int i = 1; i <= 2; ++i)
      ASSERT_TRUE(worker.post({"job", std::chrono::seconds(1), [&ran, i] { ran.push_back(i); }}));
  }
  EXPECT_THAT(ran, ElementsAre(1, 0, 2, 0));
}

}  // namespace
}  // namespace rollback
