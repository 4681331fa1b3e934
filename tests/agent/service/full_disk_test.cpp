// SPDX-License-Identifier: Apache-2.0
// An agent that nobody asks anything, whose disk was full and has room again.
#include "tests/support/full_disk.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "agent/service/agent.h"
#include "tests/agent/service/door_fixture.h"
#include "tests/support/mounted.h"

namespace rollback {
namespace {

constexpr Duration kSoon = std::chrono::seconds(25);  // it looks every ten

class FullDiskLoop : public DoorTest {
 protected:
  explicit FullDiskLoop(const std::function<void(const std::string&)>& arrange = {})
      : DoorTest([&](const std::string& store) {
          disk_ = std::filesystem::path(store).parent_path();
          mounted_.emplace(disk_, Mounted::Tmpfs{"size=96m"});
          if (arrange) arrange(store);
        }) {}
  void SetUp() override {
    Link::Deps link{context_, poller_, clock_, random_, {}, {}, {}, {}};
    agent_ = std::make_unique<Agent>(
        Agent::Deps{*host_, poller_, outbox_, clock_, [this] { ++seconds_, looked_.notify_all(); },
                    [this] { return stopping_.load(); }, [](const std::string&) {}},
        std::vector<LinkTarget>{}, std::move(link));
    ASSERT_TRUE(agent_->listen({tree_.path() / "agent.sock", 0600, std::nullopt, {}}));
    loop_ = std::thread([this] {
      const auto ended = agent_->run();
      const std::lock_guard lock(looking_);
      ended_ = ended ? ErrorCode::kBug : ended.error().code;
      looked_.notify_all();
    });
  }
  void TearDown() override {
    stopping_ = true;
    poller_.wake();
    loop_.join();
    mounted_.reset();  // whoever still has it open keeps it
  }
  // Once a second, when the watchdog is fed.
  bool soon(const std::function<bool()>& is_so) {
    std::unique_lock lock(looking_);
    return looked_.wait_for(lock, kSoon, is_so);
  }
  static inline std::filesystem::path disk_;      // before the fixture opens its store
  static inline std::optional<Mounted> mounted_;  // the same; gone with the next
  std::mutex looking_;
  std::condition_variable looked_;
  std::optional<ErrorCode> ended_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> seconds_ = 0;  // of the loop
  ZmqContext context_;
  Poller poller_;
  std::unique_ptr<Agent> agent_;
  std::thread loop_;
};

TEST_F(FullDiskLoop, GoesOnWithoutBeingAsked) {
  ASSERT_TRUE(soon([&] { return seconds_ > 1; }));  // the first look is behind it
  fill_disk(disk_);
  EXPECT_EQ(database_->put(Table::kRuns, "a", "a", Durability::kSynced).error().code,
            ErrorCode::kNoSpace);
  EXPECT_TRUE(database_->is_stopped());
  make_room(disk_);
  EXPECT_TRUE(soon([&] { return !database_->is_stopped(); }));
}

class FullDiskStart : public FullDiskLoop {
 protected:
  FullDiskStart()
      : FullDiskLoop([](const std::string& store) {
          auto database = Database::open(store).value();
          ASSERT_TRUE(database->put(Table::kRuns, "a", "a", Durability::kSynced));
          database.reset();
          fill_disk(disk_);
        }) {}
};

TEST_F(FullDiskStart, EndsToBeStartedAnew) {
  EXPECT_EQ(database_->get(Table::kRuns, "a").value(), "a");
  EXPECT_TRUE(database_->takes_writes());  // later
  EXPECT_EQ(database_->put(Table::kRuns, "b", "b", Durability::kSynced).error().code,
            ErrorCode::kNoSpace);
  EXPECT_FALSE(database_->needs_new_start());
  make_room(disk_);
  EXPECT_TRUE(database_->needs_new_start());
  EXPECT_TRUE(soon([&] { return ended_.has_value(); }));
  EXPECT_EQ(ended_, ErrorCode::kNoSpace);
}

}  // namespace
}  // namespace rollback
