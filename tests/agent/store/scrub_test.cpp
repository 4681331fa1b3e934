// SPDX-License-Identifier: Apache-2.0
#include "agent/store/scrub.h"

#include <gmock/gmock.h>

#include "agent/store/keys.h"
#include "agent/store/run_store.h"
#include "tests/agent/store/sample_state.h"
#include "tests/support/fake_clock.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Time passes only while the check waits.
class Patient final : public ScrubWatcher {
 public:
  explicit Patient(FakeClock& clock) : clock_(clock) {}
  void on_progress(const ScrubCount& count) override { seen = count; }
  bool pause(BootTime until) override {
    ++pauses;
    if (until > clock_.boot()) clock_.advance(until - clock_.boot());
    return stop_after && pauses >= *stop_after;
  }
  ScrubCount seen;
  int pauses = 0;
  std::optional<int> stop_after;

 private:
  FakeClock& clock_;
};

std::string noise(std::size_t size, std::uint64_t seed) {
  SeededRandom random(seed);
  std::string bytes(size, '\0');
  random.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
  return bytes;
}

class ScrubTest : public testing::Test {
 protected:
  ScrubTest() {
    restart();
    record("v1.0.0", {{"app.conf", "one"}, {"shared", "in both"}, {"big", noise(kBig, 1)}});
    record("v2.0.0", {{"app.conf", "two"}, {"shared", "in both"}});
  }
  void restart() {
    database_.reset();
    database_ = Database::open(directory_.path() / "db").value();
    blobs_ = std::make_unique<BlobStore>(*database_);
    snapshots_ = std::make_unique<SnapshotStore>(*database_, *blobs_);
  }
  void record(const std::string& label, const Files& files) {
    const Sample sample = make_sample(files);
    ASSERT_TRUE(put_contents(sample, *snapshots_, *blobs_));
    HistoryEntry entry;
    entry.action = HistoryAction::kSnapshot;
    ASSERT_TRUE(snapshots_->record(sample.state, sample_release(label), true, WallTime{1}, entry));
    samples_.emplace(label, sample);
  }
  ScrubResult scrub(const ScrubOrder& order, std::optional<int> stop_after = {}) {
    watcher_.pauses = 0;
    watcher_.stop_after = stop_after;
    const auto result = scrub_store({*database_, *blobs_, *snapshots_, clock_}, order, watcher_);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : ScrubResult{};
  }
  [[nodiscard]] std::string value(Table table, std::string_view key) const {
    return database_->get(table, key).value().value();
  }
  // As a disk would do it: nobody is told.
  void overwrite(Table table, std::string_view key, std::optional<std::string> bytes) {
    ASSERT_TRUE(
        database_->write({{table, std::string(key), std::move(bytes)}}, Durability::kBuffered));
  }
  void turn(Table table, std::string_view key, std::size_t at) {
    std::string bytes = value(table, key);
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    overwrite(table, key, bytes);
  }

  static constexpr std::size_t kBig = 1500 * 1000;  // cut into chunks
  static constexpr ScrubOrder kDeep{ScrubDepth::kDeep, 0, false};
  static constexpr ScrubOrder kShallow{ScrubDepth::kShallow, 0, false};
  TempDirectory directory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<SnapshotStore> snapshots_;
  FakeClock clock_;
  Patient watcher_{clock_};
  std::map<std::string, Sample> samples_;
};

TEST_F(ScrubTest, FindsNothingInASoundStoreAndRemembersWhen) {
  EXPECT_EQ(ScrubMarks(*database_).last_deep(), WallTime{});
  for (const auto& order : {kShallow, kDeep}) {
    const auto result = scrub(order);
    EXPECT_TRUE(result.finished);
    EXPECT_FALSE(result.resumed);
    EXPECT_THAT(result.damage, IsEmpty());
    EXPECT_GT(result.count.objects, 10U);
  }
  EXPECT_EQ(ScrubMarks(*database_).last_deep(), clock_.wall());
  EXPECT_EQ(database_->damage(), "");
}

TEST_F(ScrubTest, NamesEveryReleaseThatAContentIsNeededBy) {
  turn(Table::kBlobs, sha256("in both").view(), 12);
  EXPECT_THAT(scrub(kShallow).damage, IsEmpty());  // its bytes are not looked at

  const auto damage = scrub(kDeep).damage;
  ASSERT_THAT(damage, SizeIs(1));
  EXPECT_EQ(damage[0].object, "content " + sha256("in both").hex());
  EXPECT_THAT(damage[0].releases, ElementsAre("v1.0.0", "v2.0.0"));
  EXPECT_THAT(damage[0].paths, ElementsAre("/etc/shop/shared", "/etc/shop/~conf.d/shared"));
  EXPECT_THAT(database_->damage(), HasSubstr(sha256("in both").hex()));
}

TEST_F(ScrubTest, FindsWhatIsMissingAtBothDepths) {
  const auto chunks = blobs_->chunks(sha256(noise(kBig, 1))).value();
  overwrite(Table::kBlobs, sha256("two").view(), std::nullopt);
  overwrite(Table::kBlobs, chunks.at(3).digest.view(), std::nullopt);
  for (const auto& order : {kShallow, kDeep}) {
    const auto damage = scrub(order).damage;
    ASSERT_THAT(damage, SizeIs(2));
    std::vector<std::pair<std::string, std::vector<std::string>>> found;
    for (const auto& one : damage) found.emplace_back(one.object, one.releases);
    EXPECT_THAT(
        found,
        UnorderedElementsAre(
            std::pair("content " + sha256("two").hex(), std::vector<std::string>{"v2.0.0"}),
            std::pair("content " + chunks.at(3).digest.hex(), std::vector<std::string>{"v1.0.0"})));
  }
}

TEST_F(ScrubTest, WhatNoReleaseNeedsIsNotMissing) {
  const Sample unfinished = make_sample({{"never.conf", "never recorded"}});
  ASSERT_TRUE(snapshots_->put_tree(unfinished.inner));
  for (const auto& order : {kShallow, kDeep}) EXPECT_THAT(scrub(order).damage, IsEmpty());
}

TEST_F(ScrubTest, WhatWasMissedIsForgottenWhenNoReleaseNeedsItAnyMore) {
  (void)database_->note_damage(Table::kBlobs, sha256("never").view(), "it is not stored");
  (void)database_->note_damage(Table::kTrees, sha256("never").view(), "it is not stored");
  (void)database_->note_damage(Table::kSnapshots, sha256("never").view(), "it is not stored");
  EXPECT_THAT(scrub(kShallow).damage, IsEmpty());
  EXPECT_EQ(database_->damage(), "");
}

TEST_F(ScrubTest, ADamagedDirectoryAndSnapshotAreNamed) {
  const auto& sample = samples_.at("v2.0.0");
  const auto inner = sha256(encode_tree(sample.inner).value());
  turn(Table::kTrees, inner.view(), 40);
  turn(Table::kSnapshots, samples_.at("v1.0.0").state.id.digest.view(), 40);

  const auto damage = scrub(kShallow).damage;
  ASSERT_THAT(damage, SizeIs(2));
  EXPECT_EQ(damage[0].object, "directory " + inner.hex());
  EXPECT_THAT(damage[0].releases, ElementsAre("v2.0.0"));
  EXPECT_THAT(damage[0].paths, ElementsAre("/etc/shop/~conf.d"));
  EXPECT_EQ(damage[1].object, "snapshot " + samples_.at("v1.0.0").state.id.str());
  EXPECT_THAT(damage[1].releases, ElementsAre("v1.0.0"));
}

TEST_F(ScrubTest, ADamagedRecordOfTheHistoryIsNamed) {
  overwrite(Table::kHistory, number_key(1), "RBKC rubbish");
  const auto damage = scrub(kShallow).damage;
  ASSERT_THAT(damage, SizeIs(1));
  EXPECT_EQ(damage[0].object, "history entry 1");
}

// Every byte of every kind of value, with a checksum of RocksDB that fits: our own hashes find it,
// or it changes nothing of what is given out.
TEST_F(ScrubTest, EveryTurnedByteOfAValueIsFoundOrHarmless) {
  const auto& sample = samples_.at("v2.0.0");
  const auto big = sha256(noise(kBig, 1));
  const std::vector<std::pair<Table, Digest>> values = {
      {Table::kBlobs, sha256("in both")},
      {Table::kBlobs, big},
      {Table::kTrees, sha256(encode_tree(sample.inner).value())},
      {Table::kSnapshots, sample.state.id.digest}};
  for (const auto& [table, key] : values) {
    const std::string whole = value(table, key.view());
    for (std::size_t at = 0; at < whole.size(); ++at) {
      turn(table, key.view(), at);
      if (table == Table::kBlobs) {
        const auto bytes = blobs_->get(key);
        EXPECT_TRUE(!bytes || sha256(*bytes) == key) << at;
        EXPECT_EQ(bytes.has_value(), blobs_->check_stored(key).has_value()) << at;
      } else {
        EXPECT_FALSE(snapshots_->load_state(sample.state.id)) << at;
      }
      overwrite(table, key.view(), whole);
    }
  }
}

TEST_F(ScrubTest, AnInterruptedCheckGoesOnWhereItStopped) {
  const auto whole = scrub(kDeep);
  std::uint64_t most = 0;
  int runs = 0;
  ScrubResult result;
  for (; !result.finished && runs < 5; ++runs) {
    result = scrub(kDeep, 1);
    EXPECT_EQ(result.resumed, runs > 0);
    EXPECT_GE(result.count.objects, most);
    most = result.count.objects;
  }
  EXPECT_GT(runs, 2);
  if (!result.finished) result = scrub(kDeep);
  ASSERT_TRUE(result.finished);
  EXPECT_TRUE(result.resumed);
  EXPECT_THAT(result.damage, IsEmpty());
  EXPECT_GE(result.count.bytes, whole.count.bytes / 2);
  EXPECT_FALSE(scrub(kDeep, 1).resumed);
  EXPECT_FALSE(scrub({ScrubDepth::kDeep, 0, true}, 1).resumed);
}

TEST_F(ScrubTest, NothingFoundBeforeAnInterruptionIsForgotten) {
  overwrite(Table::kBlobs, sha256("two").view(), std::nullopt);
  turn(Table::kBlobs, sha256("in both").view(), 12);
  for (int stop = 1; stop < 12; stop += 3) {
    const bool ended = scrub({ScrubDepth::kDeep, 0, true}, stop).finished;
    restart();
    const auto result = scrub(kDeep);
    EXPECT_EQ(result.resumed, !ended) << stop;
    EXPECT_THAT(result.damage, SizeIs(2)) << stop;
  }
}

TEST_F(ScrubTest, DamageIsKnownToTheNextStartUntilItIsPutAgain) {
  turn(Table::kBlobs, sha256("in both").view(), 12);
  (void)scrub(kDeep);
  restart();
  EXPECT_THAT(database_->damage(), HasSubstr(sha256("in both").hex()));

  ASSERT_TRUE(blobs_->put("in both"));
  EXPECT_EQ(database_->damage(), "");
  EXPECT_THAT(scrub(kDeep).damage, IsEmpty());
  restart();
  EXPECT_EQ(database_->damage(), "");
}

TEST_F(ScrubTest, KeepsToItsRate) {
  const BootTime began = clock_.boot();
  const auto result = scrub({ScrubDepth::kDeep, 100'000, false});
  const double seconds = std::chrono::duration<double>(clock_.boot() - began).count();
  EXPECT_NEAR(seconds, static_cast<double>(result.count.bytes) / 100'000, 1);
}

TEST_F(ScrubTest, OneReleaseIsReadWholeAndItsDamageToldOfAll) {
  turn(Table::kBlobs, sha256("in both").view(), 12);
  turn(Table::kBlobs, sha256("one").view(), 10);
  const auto result = scrub_release({*database_, *blobs_, *snapshots_, clock_},
                                    samples_.at("v2.0.0").state, 0, watcher_);
  ASSERT_TRUE(result);
  ASSERT_THAT(result->damage, SizeIs(1));
  EXPECT_THAT(result->damage[0].releases, ElementsAre("v1.0.0", "v2.0.0"));
}

}  // namespace
}  // namespace rollback
