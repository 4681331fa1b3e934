// SPDX-License-Identifier: Apache-2.0
#include "agent/store/run_store.h"

#include <gmock/gmock.h>

#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class RunStoreTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::unique_ptr<Database> database_ = Database::open(directory_.path() / "db").value();
  RunStore store_{*database_};

  static RunRecord run(std::string_view id, std::int64_t started) {
    RunRecord made;
    made.id = RunId::parse(id).value();
    made.started = {started};
    made.to = "v2.4.1";
    return made;
  }
  static RunEvent event(std::uint64_t seq) {
    RunEvent made;
    made.seq = seq;
    made.text = "event " + std::to_string(seq);
    return made;
  }
  std::vector<std::string> newest(std::size_t limit) {
    std::vector<std::string> found;
    const auto all = store_.newest(limit).value();
    for (const auto& one : all) found.push_back(one.id.str());
    return found;
  }
  std::vector<std::string> events(const RunId& id, std::uint64_t from) {
    std::vector<std::string> found;
    const auto all = store_.events(id, from).value();
    for (const auto& one : all) found.push_back(one.text);
    return found;
  }
};

TEST_F(RunStoreTest, FindsARunByItsIdOrAPrefix) {
  ASSERT_TRUE(store_.put(run("aabbccdd0001", 1)));
  ASSERT_TRUE(store_.put(run("aabbccdd0002", 2)));
  ASSERT_TRUE(store_.put(run("aabc00000000", 3)));

  EXPECT_EQ(store_.find("aabbccdd0002").value().id.str(), "aabbccdd0002");
  EXPECT_EQ(store_.find("aabc0").value().id.str(), "aabc00000000");
  const auto several = store_.find("aabbc");
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(several.error().message, AllOf(HasSubstr("aabbccdd0001"), HasSubstr("aabbccdd0002")));
}

TEST_F(RunStoreTest, RefusesWhatIsNoIdAndNamesWhatIsMissing) {
  for (const auto* wrong : {"", "aab", "AABB", "xyz1", "aabbccdd00011"})
    EXPECT_EQ(store_.find(wrong).error().code, ErrorCode::kInvalid) << wrong;
  EXPECT_EQ(store_.find("aabb").error().code, ErrorCode::kNotFound);
}

TEST_F(RunStoreTest, ReplacesARunAndListsItOnce) {
  RunRecord record = run("aabbccdd0001", 1);
  ASSERT_TRUE(store_.put(record));
  record.phase = RunPhase::kDone;
  record.findings = {"all well"};
  ASSERT_TRUE(store_.put(record));

  EXPECT_EQ(store_.find("aabbccdd0001").value().phase, RunPhase::kDone);
  EXPECT_THAT(store_.find("aabbccdd0001").value().findings, ElementsAre("all well"));
  EXPECT_EQ(newest(0).size(), 1U);
}

TEST_F(RunStoreTest, ListsARunThatBeganAnewOnceAndByItsNewTime) {
  ASSERT_TRUE(store_.put(run("aabbccdd0001", 1)));
  ASSERT_TRUE(store_.put(run("aabbccdd0002", 2)));
  ASSERT_TRUE(store_.put(run("aabbccdd0001", 3)));

  EXPECT_THAT(newest(0), ElementsAre("aabbccdd0001", "aabbccdd0002"));
}

TEST_F(RunStoreTest, ListsTheNewestFirst) {
  ASSERT_TRUE(store_.put(run("ffffffffffff", 0x0100)));
  ASSERT_TRUE(store_.put(run("000000000000", 0x00ff)));
  ASSERT_TRUE(store_.put(run("777777777777", 1LL << 60)));
  ASSERT_TRUE(store_.put(run("888888888888", -5)));

  EXPECT_THAT(newest(0),
              ElementsAre("777777777777", "ffffffffffff", "000000000000", "888888888888"));
  EXPECT_THAT(newest(2), ElementsAre("777777777777", "ffffffffffff"));
}

TEST_F(RunStoreTest, GivesTheEventsOfOneRunFromANumberOn) {
  const RunId one = RunId::parse("000000000001").value();
  const RunId two = RunId::parse("000000000002").value();
  for (const std::uint64_t seq : {1U, 2U, 255U, 256U})
    ASSERT_TRUE(store_.append_event(one, event(seq)));
  ASSERT_TRUE(store_.append_event(two, event(1)));

  EXPECT_THAT(events(one, 0), ElementsAre("event 1", "event 2", "event 255", "event 256"));
  EXPECT_THAT(events(one, 3), ElementsAre("event 255", "event 256"));
  EXPECT_THAT(events(one, 257), ElementsAre());
  EXPECT_THAT(events(two, 1), ElementsAre("event 1"));
}

TEST_F(RunStoreTest, RemembersTheReplayMark) {
  EXPECT_EQ(store_.replay_mark().value().epoch, 0U);

  ASSERT_TRUE(store_.set_replay_mark({1ULL << 40, 7}));
  database_.reset();
  database_ = Database::open(directory_.path() / "db").value();
  const RunStore reopened(*database_);

  EXPECT_EQ(reopened.replay_mark().value().epoch, 1ULL << 40);
  EXPECT_EQ(reopened.replay_mark().value().seq, 7U);
}

TEST_F(RunStoreTest, NamesADamagedRunEventAndMark) {
  const RunRecord record = run("aabbccdd0001", 1);
  ASSERT_TRUE(store_.put(record));
  ASSERT_TRUE(store_.append_event(record.id, event(1)));
  const std::string id(record.id.bytes());
  ASSERT_TRUE(database_->write({{Table::kRuns, "r" + id, "broken"},
                                {Table::kEvents, id + std::string(7, '\0') + '\1', "broken"},
                                {Table::kMeta, "replay-mark", "broken"}},
                               Durability::kBuffered));

  EXPECT_EQ(store_.find("aabb").error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(store_.find("aabb").error().message, HasSubstr("aabbccdd0001"));
  EXPECT_EQ(store_.newest(0).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(store_.events(record.id, 0).error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(store_.events(record.id, 0).error().message,
              HasSubstr("event 1 of run aabbccdd0001"));
  EXPECT_EQ(store_.replay_mark().error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace rollback
