// SPDX-License-Identifier: Apache-2.0
#include "agent/store/snapshot_store.h"

#include <gmock/gmock.h>

#include <thread>

#include "agent/store/keys.h"
#include "tests/agent/store/sample_state.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class SnapshotStoreTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::unique_ptr<Database> database_ = Database::open(directory_.path() / "db").value();
  BlobStore blobs_{*database_};
  SnapshotStore store_{*database_, blobs_};

  static HistoryEntry entry(HistoryAction action = HistoryAction::kSnapshot) {
    HistoryEntry made;
    made.action = action;
    made.actor = "root (uid 0)";
    return made;
  }
  Result<SnapshotStore::Recorded> record(const Sample& sample, const std::string& label,
                                         bool healthy = true) {
    ROLLBACK_TRY(put_contents(sample, store_, blobs_));
    return store_.record(sample.state, sample_release(label), healthy, WallTime{42}, entry());
  }
  std::vector<std::string> names() {
    std::vector<std::string> found;
    const auto all = store_.revisions().value();
    for (const auto& revision : all) found.push_back(revision.name.str());
    return found;
  }
  std::vector<std::string> history() {
    std::vector<std::string> found;
    const auto all = store_.history().value();
    for (const auto& one : all) found.push_back(std::to_string(one.seq) + " " + one.to);
    return found;
  }
  void overwrite(Table table, std::string_view key, std::optional<std::string> value) {
    ASSERT_TRUE(
        database_->write({{table, std::string(key), std::move(value)}}, Durability::kBuffered));
  }
  void flip_byte(Table table, std::string_view key) {
    std::string value = database_->get(table, key).value().value();
    value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 1);
    overwrite(table, key, value);
  }
};

const Files kFiles = {{"a.conf", "listen 80"}, {"b.conf", std::string(20'000, 'b')}};

TEST_F(SnapshotStoreTest, GivesBackAStateWithAllThatIsBelowItsDirectories) {
  const Sample sample = make_sample(kFiles);
  const auto recorded = record(sample, "v2.4.1").value();

  EXPECT_FALSE(recorded.existed);
  EXPECT_EQ(recorded.revision.name.str(), "v2.4.1");
  EXPECT_EQ(recorded.revision.recorded, WallTime{42});
  const auto loaded = store_.load_state(recorded.revision.snapshot).value();
  EXPECT_EQ(loaded.snapshot, sample.state.snapshot);
  EXPECT_EQ(loaded.id, sample.state.id);
  EXPECT_EQ(loaded.content_root, sample.state.content_root);
  EXPECT_EQ(loaded.manifest, sample.state.manifest);
  EXPECT_THAT(missing_paths(loaded, blobs_), ElementsAre());
}

TEST_F(SnapshotStoreTest, NumbersChangedContentUnderTheSameLabel) {
  ASSERT_TRUE(record(make_sample({{"a", "1"}}), "v2.4.1"));
  ASSERT_TRUE(record(make_sample({{"a", "other"}}), "v2.5.0"));
  const auto again = record(make_sample({{"a", "2"}}), "v2.4.1").value();

  EXPECT_EQ(again.revision.name.str(), "v2.4.1@2");
  EXPECT_THAT(names(), ElementsAre("v2.4.1", "v2.5.0", "v2.4.1@2"));
  EXPECT_THAT(history(), ElementsAre("1 v2.4.1", "2 v2.5.0", "3 v2.4.1@2"));
}

TEST_F(SnapshotStoreTest, KeepsOneRevisionOfUnchangedContent) {
  Sample sample = make_sample(kFiles);
  const auto first = record(sample, "v2.4.1").value();
  sample.state.snapshot.resources[0].facts.push_back({"version", "not part of the content"});
  sample.state.id = snapshot_id(encode_snapshot(sample.state.snapshot).value());
  const auto again = record(sample, "v2.4.1").value();

  EXPECT_TRUE(again.existed);
  EXPECT_EQ(again.revision.snapshot, first.revision.snapshot);
  EXPECT_THAT(names(), ElementsAre("v2.4.1"));
  EXPECT_THAT(history(), ElementsAre("1 v2.4.1", "2 v2.4.1"));
}

TEST_F(SnapshotStoreTest, ComparesWithTheNewestOfALabelOnly) {
  const Sample one = make_sample({{"a", "1"}});
  const Sample two = make_sample({{"a", "2"}});
  ASSERT_TRUE(record(one, "v2.4.1"));
  ASSERT_TRUE(record(two, "v2.4.1"));
  EXPECT_EQ(record(one, "v2.4.1").value().revision.name.str(), "v2.4.1@3");
}

TEST_F(SnapshotStoreTest, LetsARedRevisionBecomeHealthyButNotBack) {
  const Sample sample = make_sample(kFiles);
  EXPECT_FALSE(record(sample, "v2.4.1", false).value().revision.healthy);
  EXPECT_TRUE(record(sample, "v2.4.1", true).value().revision.healthy);
  EXPECT_TRUE(record(sample, "v2.4.1", false).value().revision.healthy);
  EXPECT_TRUE(store_.revisions().value().at(0).healthy);
  EXPECT_THAT(names(), ElementsAre("v2.4.1"));
}

TEST_F(SnapshotStoreTest, ARevisionTakesOnTheGitReferenceItIsGivenLater) {
  const Sample sample = make_sample(kFiles);
  ASSERT_TRUE(record(sample, "v2.4.1"));
  for (const auto& given : {"3f2a90c1", ""})
    ASSERT_TRUE(
        store_.record(sample.state, sample_release("v2.4.1"), true, WallTime{43}, entry(), given));
  const auto revisions = store_.revisions().value();
  ASSERT_EQ(revisions.size(), 1U);
  EXPECT_EQ(revisions[0].git_ref, "3f2a90c1");
}

TEST_F(SnapshotStoreTest, RecordsTheOriginOfARunOnceAndWithoutHistory) {
  const RunId run = RunId::parse("0123456789ab").value();
  const auto name = RevisionName::of_run(run);
  const Sample sample = make_sample(kFiles);
  ASSERT_TRUE(put_contents(sample, store_, blobs_));
  ASSERT_TRUE(store_.record(sample.state, name, true, WallTime{1}, std::nullopt));
  EXPECT_TRUE(store_.record(sample.state, name, true, WallTime{2}, std::nullopt).value().existed);

  const Sample other = make_sample({{"a", "2"}});
  EXPECT_EQ(store_.record(other.state, name, true, WallTime{3}, std::nullopt).error().code,
            ErrorCode::kConflict);
  EXPECT_THAT(names(), ElementsAre("run:0123456789ab"));
  EXPECT_THAT(history(), ElementsAre());
}

TEST_F(SnapshotStoreTest, AssignsHistoryNumbersAcrossThreadsWithoutGaps) {
  const auto append = [&] {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(store_.append_history(entry()));
  };
  std::thread other(append);
  append();
  other.join();
  EXPECT_EQ(store_.history().value().size(), 40U);
}

TEST_F(SnapshotStoreTest, FindsAGapInTheHistory) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_.append_history(entry()));
  overwrite(Table::kHistory, number_key(2), std::nullopt);

  const auto history = store_.history();
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(history.error().message, HasSubstr("history entry 2"));
}

TEST_F(SnapshotStoreTest, FindsAHistoryEntryUnderAnotherNumber) {
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_.append_history(entry()));
  const auto first = database_->get(Table::kHistory, number_key(1)).value();
  overwrite(Table::kHistory, number_key(2), first);
  EXPECT_EQ(store_.history().error().code, ErrorCode::kCorrupt);
}

TEST_F(SnapshotStoreTest, NamesADamagedRevisionAndEntry) {
  ASSERT_TRUE(record(make_sample(kFiles), "v2.4.1"));
  overwrite(Table::kRevisions, number_key(1), "broken");
  overwrite(Table::kHistory, number_key(1), "broken");

  EXPECT_THAT(store_.revisions().error().message, HasSubstr("revision 1"));
  EXPECT_EQ(store_.revisions().error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(store_.history().error().message, HasSubstr("history entry 1"));
  EXPECT_EQ(store_.history().error().code, ErrorCode::kCorrupt);
}

TEST_F(SnapshotStoreTest, NamesADamagedSnapshot) {
  const Sample sample = make_sample(kFiles);
  ASSERT_TRUE(record(sample, "v2.4.1"));
  flip_byte(Table::kSnapshots, sample.state.id.digest.view());

  const auto loaded = store_.load_state(sample.state.id);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(loaded.error().message, HasSubstr(sample.state.id.short_str()));
}

TEST_F(SnapshotStoreTest, NamesADamagedDirectoryByPathAndHash) {
  const Sample sample = make_sample(kFiles);
  ASSERT_TRUE(record(sample, "v2.4.1"));
  const Digest inner = sample.outer.entries.back().node.content;
  flip_byte(Table::kTrees, inner.view());

  const auto loaded = store_.load_state(sample.state.id);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(loaded.error().message,
              AllOf(HasSubstr("/etc/shop/~conf.d"), HasSubstr(inner.hex())));
}

TEST_F(SnapshotStoreTest, NamesAMissingDirectoryAndAMissingSnapshot) {
  const Sample sample = make_sample(kFiles);
  EXPECT_EQ(store_.load_state(sample.state.id).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(record(sample, "v2.4.1"));
  overwrite(Table::kTrees, sample.outer.entries.back().node.content.view(), std::nullopt);

  const auto loaded = store_.load_state(sample.state.id);
  EXPECT_EQ(loaded.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(loaded.error().message, HasSubstr("/etc/shop/~conf.d"));
}

TEST_F(SnapshotStoreTest, NamesEveryPathWhoseContentIsMissingOrDamaged) {
  const Sample sample = make_sample({{"gone", "1"}, {"here", "2"}, {"spoilt", "3"}});
  ASSERT_TRUE(record(sample, "v2.4.1"));
  overwrite(Table::kBlobs, sha256("1").view(), std::nullopt);
  overwrite(Table::kBlobs, sha256("3").view(), "broken");
  ASSERT_FALSE(blobs_.get(sha256("3")));

  EXPECT_THAT(missing_paths(sample.state, blobs_),
              ElementsAre("/etc/shop/gone", "/etc/shop/spoilt", "/etc/shop/~conf.d/gone",
                          "/etc/shop/~conf.d/spoilt"));
}

TEST_F(SnapshotStoreTest, TakesNoReleaseWhileDamagedButStillTheOriginOfARun) {
  const Sample sample = make_sample(kFiles);
  ASSERT_TRUE(record(sample, "v2.4.1"));
  overwrite(Table::kBlobs, sha256("listen 80").view(), "broken");
  ASSERT_FALSE(blobs_.get(sha256("listen 80")));

  const Sample other = make_sample({{"a", "2"}});
  const auto refused = record(other, "v2.5.0");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("v2.5.0"), HasSubstr(sha256("listen 80").hex())));
  EXPECT_TRUE(
      store_.record(other.state, RevisionName::of_run(RunId()), true, WallTime{1}, std::nullopt));

  // The damaged content is on the host again: capturing it heals the store.
  EXPECT_TRUE(record(sample, "v2.5.0"));
}

TEST_F(SnapshotStoreTest, MarksOnlyWhatIsThere) {
  ASSERT_TRUE(record(make_sample(kFiles), "v2.4.1"));
  HistoryEntry pin = entry(HistoryAction::kPin);
  pin.to = "v2.4.1";
  const auto version = store_.version();
  ASSERT_TRUE(store_.append_mark(pin));
  EXPECT_GT(store_.version(), version);
  EXPECT_TRUE(store_.statuses().value()[0].pinned);
  pin.to = "v2.4.0";
  EXPECT_EQ(store_.append_mark(pin).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(history(), ElementsAre("1 v2.4.1", "2 v2.4.1"));
}

TEST_F(SnapshotStoreTest, GivesNoNumberTwice) {
  for (const char* const content : {"1", "2"})
    ASSERT_TRUE(record(make_sample({{"a", content}}), "v2.4.1"));
  overwrite(Table::kRevisions, number_key(2), std::nullopt);
  ASSERT_TRUE(record(make_sample({{"a", "3"}}), "v2.4.1"));
  EXPECT_THAT(names(), ElementsAre("v2.4.1", "v2.4.1@3"));
}

TEST_F(SnapshotStoreTest, CountsNoSweepBeforeTheFirst) { EXPECT_EQ(store_.sweeps(), 0U); }

TEST_F(SnapshotStoreTest, RefusesAStateThatLiesAboutItsId) {
  Sample sample = make_sample(kFiles);
  sample.state.id.digest.bytes[0] ^= 1;
  EXPECT_EQ(record(sample, "v2.4.1").error().code, ErrorCode::kBug);
}

}  // namespace
}  // namespace rollback
