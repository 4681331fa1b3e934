// SPDX-License-Identifier: Apache-2.0
#include "coordinator/store/ledger.h"

#include <gmock/gmock.h>

#include "coordinator/store/rocks_state_store.h"
#include "tests/support/memory_state_store.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

constexpr WallTime kNow{1'700'000'000'000'000'000};

RolloutRecord rollout_of(std::size_t hosts, Random& random) {
  RolloutRecord rollout;
  rollout.id = RunId::make(random);
  rollout.to = "v2.4.1";
  rollout.started = kNow;
  for (std::size_t i = 0; i < hosts; ++i) {
    RolloutHost host;
    host.id = HostId::make(random);
    host.name = "web" + std::to_string(1000 + i);
    rollout.hosts.push_back(host);
  }
  return rollout;
}

std::vector<HostId> all_of(const RolloutRecord& rollout) {
  std::vector<HostId> ids;
  for (const auto& host : rollout.hosts) ids.push_back(host.id);
  return ids;
}

TEST(Ledger, EveryStartIsANewEpoch) {
  MemoryStateStore store;
  EXPECT_EQ(Ledger::open(store, kNow)->epoch(), 1'700'000'000U);
  EXPECT_EQ(Ledger::open(store, kNow)->epoch(), 1'700'000'001U);
  EXPECT_EQ(Ledger::open(store, WallTime{0})->epoch(), 1'700'000'002U) << "the clock was set back";
}

TEST(Ledger, SaysWhenSomebodyElseWrites) {
  MemoryStateStore store;
  auto first = Ledger::open(store, kNow);
  auto second = Ledger::open(store, kNow);
  EXPECT_EQ(first->save(HostRecord()).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(second->save(HostRecord()));
}

TEST(Ledger, HostsComeBackAsTheyWereOnDisk) {
  const TempDirectory directory;
  SeededRandom random;
  HostRecord host;
  host.id = HostId::make(random);
  host.name = "web1";
  host.public_key = std::string(40, 'k');
  host.labels = {{"dc", "fra1"}, {"role", "web"}};
  host.admission = Admission::kAccepted;
  host.enrolled = kNow;
  host.decided = kNow + std::chrono::seconds(5);
  host.decided_by = "root (uid 0)";
  {
    const auto store = RocksStateStore::open((directory.path() / "store").string());
    ASSERT_TRUE(store);
    ASSERT_TRUE(Ledger::open(**store, kNow)->save(host));
  }
  const auto store = RocksStateStore::open((directory.path() / "store").string());
  ASSERT_TRUE(store);
  EXPECT_THAT(*Ledger::open(**store, kNow)->hosts(), testing::ElementsAre(host));
}

TEST(Ledger, ALargeRolloutIsSavedInBatches) {
  MemoryStateStore store;
  SeededRandom random;
  auto ledger = Ledger::open(store, kNow);
  const auto rollout = rollout_of(1000, random);
  const auto before = *store.version();
  ASSERT_TRUE(ledger->save(rollout, all_of(rollout)));
  EXPECT_EQ(*store.version() - before, 11U);
  const auto loaded = ledger->load(rollout.id);
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->hosts.size(), 1000U);
  EXPECT_EQ(loaded->hosts.front().name, "web1000");
  EXPECT_EQ(loaded->hosts.back().name, "web1999");
}

TEST(Ledger, SavesOnlyWhatChanged) {
  MemoryStateStore store;
  SeededRandom random;
  auto ledger = Ledger::open(store, kNow);
  auto rollout = rollout_of(2, random);
  ASSERT_TRUE(ledger->save(rollout, all_of(rollout)));
  for (auto& host : rollout.hosts) host.phase = HostPhase::kDone;
  ASSERT_TRUE(ledger->save(rollout, {rollout.hosts[1].id}));
  const auto loaded = ledger->load(rollout.id);
  EXPECT_EQ(loaded->hosts[0].phase, HostPhase::kWaiting);
  EXPECT_EQ(loaded->hosts[1].phase, HostPhase::kDone);
}

TEST(Ledger, FindsRunsByPrefixAndTheNewest) {
  MemoryStateStore store;
  SeededRandom random;
  auto ledger = Ledger::open(store, kNow);
  EXPECT_EQ(ledger->find("").error().code, ErrorCode::kNotFound);
  auto older = rollout_of(1, random);
  auto newer = rollout_of(1, random);
  older.id = *RunId::parse("aa0000000001");
  newer.id = *RunId::parse("aa0000000002");
  newer.started = kNow + std::chrono::hours(1);
  ASSERT_TRUE(ledger->save(older, all_of(older)));
  ASSERT_TRUE(ledger->save(newer, all_of(newer)));
  EXPECT_EQ(ledger->find("")->id, newer.id);
  EXPECT_EQ(ledger->find("aa0000000001")->id, older.id);
  EXPECT_EQ(ledger->find("aa").error().code, ErrorCode::kConflict);
  EXPECT_EQ(ledger->find("bb").error().code, ErrorCode::kNotFound);
  ASSERT_EQ(ledger->newest(1)->size(), 1U);
  EXPECT_EQ(ledger->newest(1)->front().id, newer.id);
}

TEST(Ledger, DamageNamesTheRecord) {
  MemoryStateStore store;
  auto ledger = Ledger::open(store, kNow);
  ASSERT_TRUE(store.commit(*store.version(), {{"host/00", "damage"}}));
  const auto hosts = ledger->hosts();
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(hosts.error().message, testing::HasSubstr("host/00"));
}

}  // namespace
}  // namespace rollback
