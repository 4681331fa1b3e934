// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/journal.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "agent/apply/recovery.h"
#include "tests/support/faulty_syscalls.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

JournalBegin begin_record() {
  JournalBegin begin;
  begin.run = *RunId::parse("0123456789ab");
  begin.kind = RunKind::kUndo;
  begin.actor = "root (uid 0)";
  begin.reason = "it answers 502";
  begin.from = "v2.5.0";
  begin.to = "v2.4.1";
  begin.started = {1'700'000'000'000'000'000};
  begin.stages = {"/etc/.rollback/0123456789ab", "/opt/.rollback/0123456789ab"};
  return begin;
}

JournalIntent intent_record() {
  JournalIntent intent;
  intent.plan_digest = sha256("plan");
  intent.fingerprint = sha256("host");
  FileOp op;
  op.kind = FileOpKind::kDirectoryMetadata;
  op.path = "/etc/shop";
  op.stage = 1;
  op.slot = "000003";
  op.origin = 77;
  op.staged = 78;
  op.from = {0750, 1, 2, -5, {{"user.a", std::string("\0b", 2)}}};
  op.to = {0700, 0, 0, 1, {}};
  intent.files = {op};
  intent.units = {{"shop.service", UnitDuty::kReload, true, "enabled", "ab12"}};
  intent.daemon_reload = true;
  intent.red_before = {"http http://127.0.0.1/healthz"};
  intent.hooks = {{{"/bin/lb", "drain"}}, {{"/bin/lb", "readmit"}}, std::chrono::seconds(7)};
  intent.projects = {{"/srv/queue", "queue", {"web"}, {"web", "worker"}, true}};
  intent.units_first = 1;
  return intent;
}

constexpr std::size_t kVersionAt = 16;

class JournalTest : public ::testing::Test {
 protected:
  void write_three() {
    auto journal = Journal::create(state_, begin_record());
    ASSERT_TRUE(journal) << journal.error().message;
    sizes_.push_back(bytes().size());
    ASSERT_TRUE(journal->append(intent_record()));
    sizes_.push_back(bytes().size());
    ASSERT_TRUE(journal->append(JournalPhase{RunPhase::kCommitting, {5}}));
    sizes_.push_back(bytes().size());
  }
  std::string bytes() const { return directory_.read("journal"); }

  KernelSyscalls kernel_;
  TempDirectory directory_;
  Directory state_ = directory_.open(kernel_);
  std::vector<std::size_t> sizes_;  // after each record
};

TEST_F(JournalTest, GivesBackWhatWasWritten) {
  write_three();
  const auto found = Journal::find(state_);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->begin, begin_record());
  EXPECT_EQ((*found)->intent, intent_record());
  EXPECT_EQ((*found)->phase, RunPhase::kCommitting);
  EXPECT_FALSE((*found)->confirm);
}

TEST_F(JournalTest, KnowsUntilWhenARunMayBeConfirmed) {
  write_three();
  auto journal = Journal::reopen(state_);
  ASSERT_TRUE(journal);
  const JournalConfirm first{std::chrono::minutes(2), {4711}, "boot 1", false, true};
  const JournalConfirm again{std::chrono::minutes(2), {815}, "boot 2", true};
  for (const auto& confirm : {first, again}) {
    ASSERT_TRUE(journal->append(confirm));
    ASSERT_TRUE(journal->append(JournalPhase{RunPhase::kConfirming, {6}}));
    const auto found = Journal::find(state_);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->confirm, confirm);
    EXPECT_EQ((*found)->phase, RunPhase::kConfirming);
  }
}

TEST_F(JournalTest, IgnoresATornEndAtEveryByte) {
  write_three();
  const auto whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    directory_.write("journal", whole.substr(0, size));
    const auto found = Journal::find(state_);
    ASSERT_TRUE(found) << size << ": " << found.error().message;
    ASSERT_EQ(found->has_value(), size >= sizes_[0]) << size;
    if (!*found) continue;
    EXPECT_EQ((*found)->intent.has_value(), size >= sizes_[1]) << size;
    EXPECT_EQ((*found)->phase, RunPhase::kPlanned) << size;
    // Going on after the cut gives a whole journal again.
    auto journal = Journal::reopen(state_);
    ASSERT_TRUE(journal) << size;
    ASSERT_TRUE(journal->append(JournalPhase{RunPhase::kUndoing, {6}}));
    const auto again = Journal::find(state_);
    ASSERT_TRUE(again && *again) << size;
    EXPECT_EQ((*again)->phase, RunPhase::kUndoing) << size;
  }
}

// Without its intent the run would look as if it had touched nothing.
TEST_F(JournalTest, ADamagedRecordIsNotTakenForATornOneWhenTheEndIsTornToo) {
  write_three();
  auto journal = Journal::reopen(state_);
  ASSERT_TRUE(journal);
  ASSERT_TRUE(journal->append(JournalPhase{RunPhase::kActivating, {6}}));
  const auto whole = bytes();
  for (std::size_t at = sizes_[0]; at < sizes_[1]; ++at) {
    auto damaged = whole.substr(0, whole.size() - 1);
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    directory_.write("journal", damaged);
    const auto found = Journal::find(state_);
    ASSERT_FALSE(found) << at;
    EXPECT_EQ(found.error().code, ErrorCode::kCorrupt) << at;
  }
}

// Recovery has two minutes. Looking for a record at each byte would take hours.
TEST_F(JournalTest, IgnoresATornEndOfALongRecord) {
  write_three();
  JournalIntent long_one = intent_record();
  long_one.files.resize(20'000, long_one.files[0]);
  auto journal = Journal::reopen(state_);
  ASSERT_TRUE(journal);
  const std::size_t before = bytes().size();
  ASSERT_TRUE(journal->append(long_one));
  const auto whole = bytes();
  directory_.write("journal", whole.substr(0, whole.size() - 1));
  const auto found = Journal::find(state_);
  ASSERT_TRUE(found && *found) << found.error().message;
  EXPECT_EQ((*found)->intent, intent_record());
  ASSERT_TRUE(Journal::reopen(state_));
  EXPECT_EQ(bytes().size(), before);
}

TEST_F(JournalTest, CutsADamagedLastRecordAndRefusesDamageBefore) {
  write_three();
  const auto whole = bytes();
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    const auto at = bit / 8;
    auto flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit % 8));
    directory_.write("journal", flipped);
    const auto found = Journal::find(state_);
    if (at < sizes_[1]) {
      ASSERT_FALSE(found) << at;
      EXPECT_TRUE(found.error().code == ErrorCode::kCorrupt ||
                  found.error().code == ErrorCode::kUnsupported)
          << at;
    } else {
      ASSERT_TRUE(found && *found) << at;
      EXPECT_EQ((*found)->phase, RunPhase::kPlanned) << at;
    }
  }
  std::printf("covered: a journal of three records, read with each of %zu bits flipped\n",
              8 * whole.size());
}

TEST_F(JournalTest, RefusesANewerFormat) {
  write_three();
  auto newer = bytes();
  newer[kVersionAt] = kJournalFormat + 1;
  directory_.write("journal", newer);
  const auto found = Journal::find(state_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kUnsupported);
}

TEST_F(JournalTest, LeavesNothingBehindWhenItsFirstRecordDoesNotFit) {
  for (int call = 0; call < 20; ++call) {
    FaultySyscalls full(kernel_, FailAt{call, ENOSPC});
    const Directory state = directory_.open(full);
    const auto journal = Journal::create(state, begin_record());
    if (journal) {
      EXPECT_GE(call, 3);  // made, written, synced
      return;
    }
    EXPECT_FALSE(std::filesystem::exists(directory_.path() / "journal"))
        << "at call " << call << ": " << journal.error().message;
  }
  FAIL() << "it never succeeded";
}

TEST_F(JournalTest, OfARunThatNeverBeganIsRemovedByRecovery) {
  const std::string header("rollback-journal\3\0\0\0", 20);
  for (const std::string& torn : {std::string(), std::string("rollback-jour"), header}) {
    directory_.write("journal", torn);
    const auto recovered = recover_files(LiveFiles(state_), state_);
    ASSERT_TRUE(recovered) << recovered.error().message;
    EXPECT_EQ(recovered->decision, Recovery::Decision::kNothing);
    EXPECT_FALSE(std::filesystem::exists(directory_.path() / "journal")) << "'" << torn << "'";
  }
}

TEST_F(JournalTest, HoldsOneRunAtATime) {
  write_three();
  const auto second = Journal::create(state_, begin_record());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kExists);
  ASSERT_TRUE(Journal::remove(state_));
  EXPECT_TRUE(Journal::create(state_, begin_record()));
}

TEST_F(JournalTest, WritesALargeRecordInPieces) {
  auto intent = intent_record();
  intent.files.resize(20'000, intent.files.front());
  std::size_t pieces = 0;
  encode_journal_record(intent, [&](std::string_view piece) {
    ++pieces;
    EXPECT_LT(piece.size(), 1U << 20U);
  });
  EXPECT_GT(pieces, 2U);
  auto journal = Journal::create(state_, begin_record());
  ASSERT_TRUE(journal && journal->append(intent));
  const auto found = Journal::find(state_);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->intent, intent);
}

TEST_F(JournalTest, CutsALargeRecordThatWasNotWrittenToItsEnd) {
  auto intent = intent_record();
  intent.files.resize(20'000, intent.files.front());
  FaultySyscalls calls(kernel_);
  const auto state = directory_.open(calls);
  auto journal = Journal::create(state, begin_record());
  ASSERT_TRUE(journal);
  const auto before = bytes();
  int writes = 0;
  calls.answer = [&](std::string_view call) {
    return call == "write" && ++writes == 3 ? -ENOSPC : 0;
  };
  const auto full = journal->append(intent);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(bytes(), before);
  EXPECT_FALSE(journal->append(JournalPhase{RunPhase::kUndoing, {}}));
  EXPECT_EQ(bytes(), before);
}

TEST_F(JournalTest, RefusesARecordThatItCouldNotReadAgain) {
  auto journal = Journal::create(state_, begin_record());
  ASSERT_TRUE(journal);
  const auto before = bytes();
  const std::vector<std::string> lines(8'193, std::string(65'536, 'x'));  // over 2^29 bytes
  const auto refused = journal->append(JournalFilesUndone{lines});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(bytes(), before);
  EXPECT_TRUE(journal->append(JournalPhase{RunPhase::kUndoing, {}}));
}

TEST_F(JournalTest, ReadsAnIntentFromBeforeHooksAndProjects) {
  auto intent = intent_record();
  intent.hooks = {};
  intent.projects.clear();
  intent.units_first = 0;
  std::string encoded;
  encode_journal_record(intent, [&](std::string_view piece) { encoded += piece; });
  constexpr std::size_t kLater = 4 + 4 + 8 + 4 + 4;
  const auto older = std::string_view(encoded).substr(0, encoded.size() - kLater);
  EXPECT_EQ(decode_journal_record(older, 2), JournalRecord(intent));
  EXPECT_FALSE(decode_journal_record(older, kJournalFormat));
}

TEST_F(JournalTest, RefusesRecordsThatDoNotDecode) {
  for (const auto& record :
       {JournalRecord(begin_record()), JournalRecord(intent_record()),
        JournalRecord(JournalPhase{RunPhase::kDone, {}}),
        JournalRecord(JournalFilesUndone{{"/etc/x: gone"}}),
        JournalRecord(JournalConfirm{std::chrono::minutes(2), {4711}, "boot", true, true})}) {
    std::string encoded;
    const auto keep = [&](std::string_view piece) { encoded += piece; };
    std::visit([&](const auto& it) { encode_journal_record(it, keep); }, record);
    ASSERT_EQ(decode_journal_record(encoded), record);
    for (std::size_t size = 0; size < encoded.size(); ++size)
      EXPECT_FALSE(decode_journal_record(encoded.substr(0, size))) << size;
    EXPECT_FALSE(decode_journal_record(encoded + "x"));
  }
}

}  // namespace
}  // namespace rollback
