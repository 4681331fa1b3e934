// SPDX-License-Identifier: Apache-2.0
#include "agent/service/run_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunHubTest : public ::testing::Test {
 protected:
  TempDirectory directory_;
  std::unique_ptr<Database> database_ = Database::open(directory_.path() / "db").value();
  RunStore runs_{*database_};
  SystemClock clock_;
  RunHub hub_{runs_, clock_};
  Outbox outbox_{[] {}};
  const RunId run_ = RunId::parse("0000000000aa").value();

  StreamPtr stream(ConnectionId connection) {
    return std::make_shared<Stream>(outbox_, connection, CommandId());
  }
  void event(std::uint64_t seq) {
    RunEvent made;
    made.seq = seq;
    made.text = "event " + std::to_string(seq);
    hub_.on_event(run_, made);
  }
  void finish() {
    RunRecord record;
    record.id = run_;
    record.outcome = RunOutcome::kRestored;
    record.exit_code = 4;
    ASSERT_TRUE(runs_.put(record));
    hub_.finish(record, std::nullopt);
  }
  // What one connection got: events by their text, "record", "end CODE".
  std::vector<std::string> got(ConnectionId connection) {
    for (auto& outgoing : outbox_.drain()) sent_.push_back(std::move(outgoing));
    std::vector<std::string> texts;
    for (const auto& outgoing : sent_) {
      if (outgoing.to != Destination(connection)) continue;
      const auto& body = outgoing.reply.body;
      if (const auto* const item = std::get_if<EventItem>(&body)) texts.push_back(item->event.text);
      if (std::holds_alternative<RunRecord>(body)) texts.emplace_back("record");
      if (const auto* const end = std::get_if<End>(&body))
        texts.push_back("end " + std::to_string(static_cast<int>(end->exit_code)));
    }
    return texts;
  }

 private:
  std::vector<Outgoing> sent_;
};

TEST_F(RunHubTest, SendsEveryWatcherTheSameListFromWhereItAsked) {
  hub_.begin(run_, stream(1));
  event(1);
  event(2);
  hub_.watch(run_, 2, stream(2));
  event(3);
  finish();
  EXPECT_THAT(got(1), ElementsAre("event 1", "event 2", "event 3", "record", "end 4"));
  EXPECT_THAT(got(2), ElementsAre("event 2", "event 3", "record", "end 4"));
}

TEST_F(RunHubTest, WhoReconnectsAfterTheEndReadsTheSameList) {
  hub_.begin(run_, stream(1));
  event(1);
  finish();
  hub_.watch(run_, 1, stream(2));
  EXPECT_EQ(got(2), got(1));
}

TEST_F(RunHubTest, ForgetsAClosedConnectionAndTheRunGoesOn) {
  hub_.begin(run_, stream(1));
  hub_.forget(ConnectionId{1});
  event(1);
  finish();
  EXPECT_THAT(got(1), IsEmpty());
  EXPECT_THAT(runs_.events(run_, 1).value(), ::testing::SizeIs(1));
}

TEST_F(RunHubTest, AbortWakesTheRunThatWaits) {
  hub_.begin(run_, nullptr);
  std::thread operator_thread([this] { EXPECT_TRUE(hub_.abort(run_)); });
  const BootTime began = clock_.boot();
  EXPECT_TRUE(hub_.wait(began + std::chrono::seconds(30)));
  EXPECT_LT(clock_.boot() - began, Duration(std::chrono::seconds(10)));
  operator_thread.join();
}

TEST_F(RunHubTest, AbortIsOverWithItsRun) {
  hub_.begin(run_, nullptr);
  ASSERT_TRUE(hub_.abort(run_));
  finish();
  EXPECT_FALSE(hub_.wait(clock_.boot()));  // the next run's preparation asks this
}

TEST_F(RunHubTest, OnlyARunningRunIsAborted) {
  const auto aborted = hub_.abort(run_);
  ASSERT_FALSE(aborted);
  EXPECT_EQ(aborted.error().code, ErrorCode::kNotFound);
}

TEST_F(RunHubTest, SaysThatAnInterruptedRunIsNotAtWork) {
  RunRecord record;
  record.id = run_;
  ASSERT_TRUE(runs_.put(record));
  hub_.watch(run_, 1, stream(1));
  EXPECT_THAT(got(1), ElementsAre("end 6"));
}

TEST_F(RunHubTest, ARunThatWaitsIsConfirmedByTheBeginningOfItsId) {
  EXPECT_EQ(hub_.confirm("").error().code, ErrorCode::kNotFound);
  const BootTime until = clock_.boot() + std::chrono::seconds(20);
  bool confirmed = false;
  std::thread waiting([&] { confirmed = hub_.wait_confirmed(run_, until, {}); });
  while (!hub_.running()) std::this_thread::yield();
  EXPECT_EQ(hub_.confirm("ff").error().code, ErrorCode::kNotFound);
  const auto run = hub_.confirm("0000");
  waiting.join();
  ASSERT_TRUE(run);
  EXPECT_EQ(*run, run_);
  EXPECT_TRUE(confirmed);
  EXPECT_FALSE(hub_.confirm(""));  // once
}

TEST_F(RunHubTest, ARunThatNobodyConfirmsOrThatIsAbortedIsNotConfirmed) {
  EXPECT_FALSE(hub_.wait_confirmed(run_, clock_.boot(), {}));
  const BootTime until = clock_.boot() + std::chrono::seconds(20);
  std::thread waiting([&] { EXPECT_FALSE(hub_.wait_confirmed(run_, until, {})); });
  while (!hub_.running()) std::this_thread::yield();
  EXPECT_TRUE(hub_.abort(run_));
  waiting.join();
  EXPECT_LT(clock_.boot(), until);
  EXPECT_FALSE(hub_.confirm(""));
}

TEST_F(RunHubTest, AContactConfirmsTheRunThatWaits) {
  const BootTime until = clock_.boot() + std::chrono::seconds(20);
  EXPECT_TRUE(hub_.wait_confirmed(run_, until, [] { return true; }));
  EXPECT_LT(clock_.boot(), until);
  EXPECT_FALSE(hub_.confirm(""));
}

TEST_F(RunHubTest, AnAbortCountsMoreThanAContactThatComesLater) {
  const BootTime until = clock_.boot() + std::chrono::seconds(20);
  EXPECT_FALSE(hub_.wait_confirmed(run_, until, [this] { return hub_.abort(run_).has_value(); }));
}

TEST_F(RunHubTest, WithoutAContactARunMayBeConfirmedOrAborted) {
  const BootTime until = clock_.boot() + std::chrono::seconds(20);
  const auto nobody = [] { return false; };
  std::thread first([&] { EXPECT_TRUE(hub_.wait_confirmed(run_, until, nobody)); });
  while (!hub_.confirm("0000")) std::this_thread::yield();
  first.join();
  std::thread second([&] { EXPECT_FALSE(hub_.wait_confirmed(run_, until, nobody)); });
  while (!hub_.abort(run_)) std::this_thread::yield();
  second.join();
  EXPECT_LT(clock_.boot(), until);
}

TEST_F(RunHubTest, AnAbortDoesNotHurryTheUndo) {
  hub_.begin(run_, nullptr);
  ASSERT_TRUE(hub_.abort(run_));
  EXPECT_TRUE(hub_.wait(clock_.boot()));
  RunEvent undoing;
  undoing.seq = 1;
  undoing.phase = RunPhase::kUndoing;
  hub_.on_event(run_, undoing);
  EXPECT_FALSE(hub_.wait(clock_.boot()));
}

}  // namespace
}  // namespace rollback
