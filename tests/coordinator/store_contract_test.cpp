// SPDX-License-Identifier: Apache-2.0
// The contract of StateStore, on every implementation there is.
#include <gmock/gmock.h>

#include <thread>

#include "coordinator/store/rocks_state_store.h"
#include "tests/support/memory_state_store.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct OnRocks {
  TempDirectory directory;
  std::unique_ptr<RocksStateStore> rocks = open();
  StateStore& store() { return *rocks; }
  std::unique_ptr<RocksStateStore> open() {
    return RocksStateStore::open(directory.path() / "state").value();
  }
};
struct InMemory {
  MemoryStateStore memory;
  StateStore& store() { return memory; }
};

template <typename Implementation>
class StateStoreContract : public testing::Test {
 protected:
  Implementation implementation_;
  StateStore& store_ = implementation_.store();

  std::vector<std::string> keys(std::string_view prefix) {
    std::vector<std::string> found;
    const auto status = store_.scan(prefix, [&](std::string_view key, std::string_view) {
      found.emplace_back(key);
      return true;
    });
    EXPECT_TRUE(status);
    return found;
  }
};
using Implementations = testing::Types<OnRocks, InMemory>;
TYPED_TEST_SUITE(StateStoreContract, Implementations);

TYPED_TEST(StateStoreContract, StartsEmptyAtVersionZero) {
  EXPECT_EQ(this->store_.version().value(), 0U);
  EXPECT_EQ(this->store_.get("meta/epoch").value(), std::nullopt);
  EXPECT_THAT(this->keys(""), ElementsAre());
}

TYPED_TEST(StateStoreContract, CommitsAllChangesAndCountsVersions) {
  EXPECT_EQ(this->store_.commit(0, {{"host/a", "1"}, {"host/b", std::string("\0x", 2)}}).value(),
            1U);
  EXPECT_EQ(this->store_.commit(1, {{"host/a", std::nullopt}, {"host/c", ""}}).value(), 2U);

  EXPECT_EQ(this->store_.version().value(), 2U);
  EXPECT_EQ(this->store_.get("host/a").value(), std::nullopt);
  EXPECT_EQ(this->store_.get("host/b").value(), std::string("\0x", 2));
  EXPECT_EQ(this->store_.get("host/c").value(), "");
}

TYPED_TEST(StateStoreContract, RefusesACommitDecidedOnAnotherVersion) {
  ASSERT_TRUE(this->store_.commit(0, {{"meta/epoch", "1"}}));

  for (const std::uint64_t expected : {0U, 2U}) {
    const auto refused = this->store_.commit(expected, {{"meta/epoch", "2"}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_THAT(refused.error().message,
                AllOf(HasSubstr("version 1"), HasSubstr("not " + std::to_string(expected))));
  }
  EXPECT_EQ(this->store_.get("meta/epoch").value(), "1");
  EXPECT_EQ(this->store_.version().value(), 1U);
}

TYPED_TEST(StateStoreContract, ScansOnlyThePrefixInKeyOrderUntilStopped) {
  ASSERT_TRUE(this->store_.commit(0, {{"rollout/b", ""},
                                      {"rollout-host/b/1", ""},
                                      {"rollout/a", ""},
                                      {"rollout0", ""},
                                      {"host/z", ""}}));

  EXPECT_THAT(this->keys("rollout/"), ElementsAre("rollout/a", "rollout/b"));
  EXPECT_THAT(this->keys(""),
              ElementsAre("host/z", "rollout-host/b/1", "rollout/a", "rollout/b", "rollout0"));
  int visited = 0;
  ASSERT_TRUE(this->store_.scan("rollout",
                                [&](std::string_view, std::string_view) { return ++visited < 2; }));
  EXPECT_EQ(visited, 2);
}

TYPED_TEST(StateStoreContract, HoldsToItsLimits) {
  const auto changes = [](std::size_t count) {
    std::vector<StateChange> many;
    for (std::size_t i = 0; i < count; ++i) many.push_back({"host/" + std::to_string(i), "x"});
    return many;
  };
  const std::vector<std::vector<StateChange>> wrong = {
      {},
      changes(StateLimits::kMaxChanges + 1),
      {{"", "x"}},
      {{std::string(StateLimits::kMaxKey + 1, 'k'), "x"}},
      {{"a b", "x"}},
      {{std::string("a\0", 2), "x"}},
      {{"a", std::string(StateLimits::kMaxValue + 1, 'v')}},
      {{"a", "1"}, {"a", "2"}},
  };
  for (const auto& refused : wrong) {
    const auto result = this->store_.commit(0, refused);
    ASSERT_FALSE(result) << "case " << &refused - wrong.data();
    EXPECT_EQ(result.error().code, ErrorCode::kInvalid) << result.error().message;
  }
  EXPECT_EQ(this->store_.version().value(), 0U);
  EXPECT_TRUE(this->store_.commit(0, changes(StateLimits::kMaxChanges)));
  EXPECT_TRUE(this->store_.commit(
      1, {{std::string(StateLimits::kMaxKey, 'k'), std::string(StateLimits::kMaxValue, 'v')}}));
}

TYPED_TEST(StateStoreContract, LetsOneOfManyWritersWinEachVersion) {
  constexpr std::uint64_t kCommits = 25;
  const auto write = [&] {
    for (std::uint64_t done = 0; done < kCommits;) {
      const auto seen = this->store_.version().value();
      const auto before = this->store_.get("count").value().value_or("");
      if (this->store_.commit(seen, {{"count", before + "x"}})) ++done;
    }
  };
  std::thread other(write);
  write();
  other.join();
  EXPECT_EQ(this->store_.version().value(), 2 * kCommits);
  EXPECT_EQ(this->store_.get("count").value()->size(), 2 * kCommits);
}

TEST(RocksStateStore, RemembersAcrossAReopen) {
  OnRocks on;
  ASSERT_TRUE(on.rocks->commit(0, {{"meta/epoch", "7"}}));
  on.rocks.reset();
  on.rocks = on.open();

  EXPECT_EQ(on.rocks->version().value(), 1U);
  EXPECT_EQ(on.rocks->get("meta/epoch").value(), "7");
  EXPECT_TRUE(on.rocks->commit(1, {{"meta/epoch", "8"}}));
}

TEST(RocksStateStore, HasOneOwner) {
  OnRocks on;
  const auto second = RocksStateStore::open(on.directory.path() / "state");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_THAT(second.error().message, HasSubstr("state/LOCK"));
}

}  // namespace
}  // namespace rollback
