// SPDX-License-Identifier: Apache-2.0
#include "agent/store/retention.h"

#include <gmock/gmock.h>

#include <map>
#include <thread>
#include <utility>

#include "agent/store/damage_report.h"
#include "tests/agent/store/retention_support.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string noise(SeededRandom& random, std::size_t size) {
  std::string bytes(size, '\0');
  random.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
  return bytes;
}

class RetentionTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::string path_ = directory_.path() / "db";
  SeededRandom random_;

  // v1.0.0 .. v3.0.0, each with a common file and one of its own.
  void record_three(PrunedStore& store) {
    for (const char* const version : {"1", "2", "3"})
      ASSERT_TRUE(store.record(make_sample({{"common", std::string(9'000, 'c')},
                                            {"own", std::string(9'000, version[0])}}),
                               std::string("v") + version + ".0.0"));
  }
};

TEST_F(RetentionTest, RemovesWhatOnlyTheRemovedRevisionsNeed) {
  PrunedStore store(path_);
  record_three(store);
  const auto plan = store.plan(1).value();
  EXPECT_EQ(plan.removed(), 1U);
  EXPECT_GT(plan.bytes, 0U);
  EXPECT_EQ(store.names().size(), 3U);
  const auto swept = store.prune(1);
  ASSERT_TRUE(swept) << swept.error().message;
  EXPECT_LE(swept->bytes, plan.bytes);  // the snapshots went with the revisions
  EXPECT_THAT(store.names(), ElementsAre("v2.0.0", "v3.0.0"));
  EXPECT_EQ(store.fault(), "");
  EXPECT_EQ(store.blobs.has(sha256(std::string(9'000, '1'))), false);
  EXPECT_EQ(store.count(Table::kSnapshots), 2U);
  EXPECT_EQ(store.count(Table::kTrees), 4U);
  EXPECT_EQ(store.count(Table::kBlobs), 3U);
  EXPECT_GT(store.snapshots.sweeps().value(), 0U);
  EXPECT_EQ(store.retention.is_open(), false);
}

TEST_F(RetentionTest, TellsTheHistoryWhoRemovedWhatAndWhy) {
  PrunedStore store(path_);
  record_three(store);
  ASSERT_TRUE(store.prune(1));
  const HistoryEntry entry = store.snapshots.history().value().back();
  EXPECT_EQ(entry.seq, 4U);
  EXPECT_EQ(entry.action, HistoryAction::kPrune);
  EXPECT_EQ(entry.actor, "root");
  EXPECT_EQ(entry.to, "v1.0.0");
  EXPECT_THAT(entry.reason, HasSubstr("beyond the 1 newest"));
}

TEST_F(RetentionTest, GivesNothingAwayOfWhatChangedSinceThePlan) {
  PrunedStore store(path_);
  record_three(store);
  const auto plan = store.plan(1).value();
  ASSERT_TRUE(store.snapshots.append_history({}));
  EXPECT_EQ(store.retention.remove(plan, "root", "", {}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(store.names().size(), 3U);
}

TEST_F(RetentionTest, GivesTheSpaceBackToTheFileSystem) {
  constexpr std::uint64_t kMiB = 1U << 20U;
  PrunedStore store(path_);
  const std::string common = noise(random_, 2 * kMiB);
  for (int i = 1; i <= 4; ++i)
    ASSERT_TRUE(store.record(make_sample({{"common", common},
                                          {"own", noise(random_, 3 * kMiB)},
                                          {"small", noise(random_, 100'000)}}),
                             "v" + std::to_string(i) + ".0.0"));
  const auto before = store.database->disk_size().value();
  EXPECT_GT(before, 14 * kMiB);
  const auto plan = store.plan(1).value();
  const auto swept = store.prune(1);
  ASSERT_TRUE(swept) << swept.error().message;
  EXPECT_EQ(store.fault(), "");
  // Two releases of 3.1 MiB, what they have in common, and the files that RocksDB makes in advance:
  // 4 MiB for its list of files, 1 MiB for its log.
  EXPECT_LT(swept->disk, 9 * kMiB + 5 * kMiB);
  EXPECT_GT(before - swept->disk + kMiB, plan.bytes);
}

TEST_F(RetentionTest, ChunksThatAnotherContentSharesStay) {
  PrunedStore store(path_);
  const std::string old = noise(random_, 3U << 20U);
  std::string edited = old;
  edited.replace(1'500'000, 100, noise(random_, 120));
  ASSERT_TRUE(store.record(make_sample({{"a", old}}), "v1.0.0"));
  for (const char* const label : {"v2.0.0", "v3.0.0"})
    ASSERT_TRUE(store.record(make_sample({{"a", edited}, {"b", label}}), label));
  const auto before = store.count(Table::kBlobs);
  ASSERT_TRUE(store.prune(1));
  EXPECT_EQ(store.fault(), "");
  EXPECT_GT(store.count(Table::kBlobs), before / 2);
  EXPECT_LT(store.count(Table::kBlobs), before);
}

TEST_F(RetentionTest, WhatIsPutUnderAHoldIsNotSweptAlthoughNothingRefersToIt) {
  PrunedStore store(path_);
  record_three(store);
  const Sample again = make_sample({{"own", std::string(9'000, '1')}, {"new", "new"}});
  const auto plan = store.plan(1).value();
  ASSERT_TRUE(store.retention.remove(plan, "root", "", {}));
  std::thread sweeper;
  {
    const auto hold = store.snapshots.hold();
    ASSERT_TRUE(put_contents(again, store.snapshots, store.blobs));  // "own" is stored already
    sweeper = std::thread([&] { EXPECT_TRUE(store.sweep()); });
    ASSERT_TRUE(store.snapshots.record(again.state, sample_release("v4.0.0"), true, WallTime{9},
                                       HistoryEntry{}));
  }
  sweeper.join();
  EXPECT_THAT(store.names(), ElementsAre("v2.0.0", "v3.0.0", "v4.0.0"));
  EXPECT_EQ(store.fault(), "");
  EXPECT_EQ(store.retention.is_open(), false);
}

TEST_F(RetentionTest, CapturesGoOnWhileItSweeps) {
  PrunedStore store(path_);
  record_three(store);
  std::atomic<bool> done = false;
  std::thread sweeper([&] {
    while (!done) EXPECT_TRUE(store.sweep());
  });
  for (int i = 0; i < 30; ++i) {
    const auto own = std::to_string(i % 3) + std::string(9'000, 'x');
    EXPECT_TRUE(store.record(make_sample({{"own", own}}), "v4.0." + std::to_string(i)));
  }
  done = true;
  sweeper.join();
  EXPECT_EQ(store.fault(), "");
}

TEST_F(RetentionTest, SweepsWhatACaptureThatDiedHasLeft) {
  PrunedStore store(path_);
  record_three(store);
  ASSERT_TRUE(put_contents(make_sample({{"lost", "lost"}}), store.snapshots, store.blobs));
  EXPECT_GT(store.plan(3).value().bytes, 0U);
  EXPECT_EQ(store.plan(3).value().removed(), 0U);
  EXPECT_EQ(store.sweep().value().objects, 3U);
  EXPECT_EQ(store.fault(), "");
  EXPECT_EQ(store.plan(3).value().bytes, 0U);
}

TEST_F(RetentionTest, StoppedSweepGoesOnAtTheNextStart) {
  {
    PrunedStore store(path_);
    record_three(store);
    store.stop = true;
    EXPECT_EQ(store.prune(1).error().code, ErrorCode::kBusy);
    EXPECT_EQ(store.retention.is_open(), true);
  }
  PrunedStore store(path_);
  EXPECT_EQ(store.retention.is_open(), true);
  EXPECT_THAT(store.names(), ElementsAre("v2.0.0", "v3.0.0"));
  ASSERT_TRUE(store.sweep());
  EXPECT_EQ(store.retention.is_open(), false);
  EXPECT_EQ(store.count(Table::kBlobs), 3U);
}

TEST_F(RetentionTest, WhatIsRemovedWhileAnEarlierSweepEndsIsNotForgotten) {
  PrunedStore store(path_);
  record_three(store);
  const auto earlier = store.snapshots.removals();  // as when it began
  ASSERT_TRUE(store.retention.remove(store.plan(1).value(), "root", "", {}));
  ASSERT_TRUE(store.snapshots.end_sweep(earlier));
  EXPECT_EQ(store.retention.is_open(), true);
  ASSERT_TRUE(store.sweep());
  EXPECT_EQ(store.retention.is_open(), false);
}

TEST_F(RetentionTest, StoppedSweepReadsNoMore) {
  PrunedStore store(path_);
  record_three(store);
  const auto id = store.snapshots.revisions().value().front().snapshot;
  ASSERT_TRUE(store.database->write({{Table::kSnapshots, std::string(id.digest.view()), "broken"}},
                                    Durability::kBuffered));
  store.stop = true;
  EXPECT_EQ(store.sweep().error().code, ErrorCode::kBusy);  // it met no damage
}

TEST_F(RetentionTest, RemovesNothingWhileWhatStaysIsDamaged) {
  PrunedStore store(path_);
  record_three(store);
  const Sample kept =
      make_sample({{"common", std::string(9'000, 'c')}, {"own", std::string(9'000, '3')}});
  const auto id = sha256(encode_tree(kept.inner).value());
  ASSERT_TRUE(store.database->write({{Table::kTrees, std::string(id.view()), "broken"}},
                                    Durability::kBuffered));
  const auto plan = store.plan(1);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(plan.error().message, HasSubstr("v3.0.0 stays but is damaged"));
  EXPECT_FALSE(store.sweep());
  EXPECT_EQ(store.count(Table::kBlobs), 4U);
}

TEST_F(RetentionTest, DamageGoesWithTheReleaseThatItHurt) {
  {
    PrunedStore store(path_);
    record_three(store);
    const auto own = sha256(std::string(9'000, '1'));
    ASSERT_TRUE(store.database->write({{Table::kBlobs, std::string(own.view()), std::nullopt}},
                                      Durability::kBuffered));
    (void)store.database->note_damage(Table::kBlobs, own.view(), "it is not stored");
    ASSERT_TRUE(store.database->keep_damage());
    ASSERT_TRUE(store.sweep());
    EXPECT_NE(store.database->damage(), "");  // v1.0.0 needs it
    ASSERT_TRUE(store.prune(1));
    EXPECT_EQ(store.database->damage(), "");
  }
  EXPECT_EQ(PrunedStore(path_).database->damage(), "");
}

TEST_F(RetentionTest, WhatGoesWhileDamageIsLookedForIsNoDamage) {
  PrunedStore store(path_);
  record_three(store);
  const auto common = sha256(std::string(9'000, 'c'));
  bool pruned = false;
  const auto prune = [&] {
    if (!std::exchange(pruned, true)) {
      EXPECT_TRUE(store.prune(1));
    }
    return true;
  };
  const auto damage =
      report_damage(*store.database, store.snapshots, store.blobs,
                    {{Table::kBlobs, std::string(common.view()), "bad"}}, {}, prune);
  ASSERT_TRUE(damage) << damage.error().message;
  ASSERT_EQ(damage->size(), 1U);
  EXPECT_THAT(damage->front().releases, ElementsAre("v2.0.0", "v3.0.0"));
}

TEST_F(RetentionTest, MakesRoomForASizeAndSaysWhenItCannot) {
  PrunedStore store(path_);
  for (int i = 1; i <= 4; ++i)
    ASSERT_TRUE(store.record(make_sample({{"own", noise(random_, 1'000'000)}}),
                             "v" + std::to_string(i) + ".0.0"));
  const auto plan = [&](std::uint64_t size) {
    return store.retention.plan({1, {}, size}, {}, WallTime{9}, Measure::kWhenNeeded).value();
  };
  EXPECT_EQ(plan(100'000'000).removed(), 0U);
  EXPECT_EQ(plan(3'300'000).removed(), 1U);
  EXPECT_EQ(plan(2'300'000).removed(), 2U);
  EXPECT_TRUE(plan(2'300'000).fits);
  EXPECT_EQ(plan(1'000'000).removed(), 2U);
  EXPECT_FALSE(plan(1'000'000).fits);
}

TEST_F(RetentionTest, WasteAboveTheSizeIsToBeGivenBackAlthoughNoReleaseGoes) {
  PrunedStore store(path_);
  ASSERT_TRUE(store.record(make_sample({{"own", noise(random_, 900'000)}}), "v1.0.0"));
  ASSERT_TRUE(
      put_contents(make_sample({{"lost", noise(random_, 900'000)}}), store.snapshots, store.blobs));
  const auto plan = [&](std::uint64_t size) {
    return store.retention.plan({1, {}, size}, {}, WallTime{9}, Measure::kWhenNeeded).value();
  };
  EXPECT_EQ(plan(1'000'000).removed(), 0U);
  EXPECT_TRUE(plan(1'000'000).wasteful);
  EXPECT_FALSE(plan(800'000).wasteful);  // what stays does not fit
  EXPECT_FALSE(plan(100'000'000).wasteful);
}

// Against a model: a set of contents for each revision.
TEST_F(RetentionTest, RandomHistoriesLeaveExactlyWhatIsNeeded) {
  PrunedStore store(path_, 7);  // so that several parts are swept
  std::map<std::string, Files> model;
  for (int step = 0; step < 25; ++step) {
    SCOPED_TRACE("step " + std::to_string(step) + ", seed " + std::to_string(seed_of_this_run()));
    Files files;
    for (std::uint64_t i = 1 + random_.below(5); i > 0; --i)
      files["f" + std::to_string(random_.below(6))] =
          std::string(1 + random_.below(9'000), static_cast<char>('a' + random_.below(4)));
    const std::string label = "v1." + std::to_string(step) + ".0";
    ASSERT_TRUE(store.record(make_sample(files), label));
    model[label] = files;
    if (random_.below(3) != 0) continue;
    const auto plan = store.plan(static_cast<std::uint32_t>(1 + random_.below(4))).value();
    for (const auto& it : plan.decisions)
      if (it.removed) model.erase(it.revision.name.str());
    ASSERT_TRUE(store.retention.remove(plan, "root", "", {}));
    const auto swept = store.sweep();
    ASSERT_TRUE(swept) << swept.error().message;
    EXPECT_LE(swept->bytes, plan.bytes);  // the snapshots went with the revisions
    std::set<std::string> contents;
    for (const auto& [name, of] : model)
      for (const auto& [file, content] : of) contents.insert(content);
    EXPECT_EQ(store.names().size(), model.size());
    EXPECT_EQ(store.count(Table::kBlobs), contents.size());
    EXPECT_EQ(store.fault(), "");
  }
}

}  // namespace
}  // namespace rollback
