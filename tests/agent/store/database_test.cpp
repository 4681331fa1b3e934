// SPDX-License-Identifier: Apache-2.0
#include "agent/store/database.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "core/store/tables.h"
#include "tests/support/child.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kBulk = 200;
const std::string kBulkValue(100'000, 'x');

class DatabaseTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::string path_ = directory_.path() / "db";

  std::unique_ptr<Database> open() {
    auto database = Database::open(path_);
    EXPECT_TRUE(database) << database.error().message;
    return database ? std::move(*database) : nullptr;
  }
  Error open_error() {
    const auto database = Database::open(path_);
    EXPECT_FALSE(database);
    return database ? Error{} : database.error();
  }
  static std::vector<std::string> keys(const Database& database, std::string_view prefix,
                                       std::string_view from = {}) {
    std::vector<std::string> found;
    EXPECT_TRUE(database.scan(Table::kRuns, prefix, from, [&](std::string_view key, auto) {
      found.emplace_back(key);
      return true;
    }));
    return found;
  }
  static std::vector<std::string> keys_backwards(const Database& database,
                                                 std::string_view prefix) {
    std::vector<std::string> found;
    EXPECT_TRUE(database.scan_backwards(Table::kRuns, prefix, [&](std::string_view key, auto) {
      found.emplace_back(key);
      return true;
    }));
    return found;
  }
  // The store was not closed: its log still holds what was written.
  void write_and_die(int count) {
    ASSERT_TRUE(was_killed([&] {
      auto database = Database::open(path_).value();
      for (int i = 0; i < count; ++i)
        if (!database->write({{Table::kRuns, std::to_string(i), std::string(500, 'x')}},
                             Durability::kSynced))
          return;
      (void)::raise(SIGKILL);
    }));
  }
  [[nodiscard]] std::map<std::string, std::uintmax_t> files() const {
    std::map<std::string, std::uintmax_t> found;
    for (const auto& file : fs::directory_iterator(path_))
      if (!file.path().filename().string().starts_with("LOG"))
        found[file.path().filename()] = file.file_size();
    return found;
  }
  // The largest file with this ending.
  [[nodiscard]] fs::path data_file(std::string_view ending) const {
    fs::path largest;
    for (const auto& file : fs::directory_iterator(path_))
      if (file.path().string().ends_with(ending) &&
          (largest.empty() || file.file_size() > fs::file_size(largest)))
        largest = file.path();
    return largest;
  }
  static void flip_byte(const fs::path& file, std::uintmax_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 0x40));
    ASSERT_TRUE(stream.good());
  }
};

TEST_F(DatabaseTest, KeepsWhatWasWrittenAcrossAReopen) {
  auto database = open();
  ASSERT_TRUE(database->write({{Table::kRuns, "a", "1"}, {Table::kEvents, "a", ""}},
                              Durability::kBuffered));
  ASSERT_TRUE(database->write({{Table::kRuns, "a", std::nullopt}, {Table::kRuns, "b", "2"}},
                              Durability::kSynced));
  database.reset();
  database = open();

  EXPECT_EQ(database->get(Table::kRuns, "a").value(), std::nullopt);
  EXPECT_EQ(database->get(Table::kRuns, "b").value(), "2");
  EXPECT_EQ(database->get(Table::kEvents, "a").value(), "");
  EXPECT_FALSE(database->has(Table::kRuns, "a").value());
  EXPECT_TRUE(database->has(Table::kEvents, "a").value());
  database->rest();
  EXPECT_EQ(database->get(Table::kRuns, "b").value(), "2");
}

TEST_F(DatabaseTest, IsReadableByItsOwnerOnly) {
  const auto database = open();
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
}

TEST_F(DatabaseTest, ScansBothWaysWithinAPrefix) {
  const auto database = open();
  std::vector<Change> changes;
  for (const char* key : {"a", "b1", "b2", "b3", "b\xff", "c"})
    changes.push_back({Table::kRuns, key, "v"});
  ASSERT_TRUE(database->write(changes, Durability::kBuffered));

  EXPECT_THAT(keys(*database, "b"), ElementsAre("b1", "b2", "b3", "b\xff"));
  EXPECT_THAT(keys(*database, "b", "b2"), ElementsAre("b2", "b3", "b\xff"));
  EXPECT_THAT(keys(*database, "d"), ElementsAre());
  EXPECT_THAT(keys_backwards(*database, "b"), ElementsAre("b\xff", "b3", "b2", "b1"));
  EXPECT_THAT(keys_backwards(*database, "b\xff"), ElementsAre("b\xff"));
  EXPECT_THAT(keys_backwards(*database, "c"), ElementsAre("c"));
  EXPECT_THAT(keys_backwards(*database, "d"), ElementsAre());
  EXPECT_EQ(keys_backwards(*database, "").size(), 6U);
}

TEST_F(DatabaseTest, HasOneOwnerInThisProcess) {
  const auto database = open();
  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::kBusy) << error.message;
  EXPECT_THAT(error.message, HasSubstr(path_ + "/LOCK"));
}

TEST_F(DatabaseTest, HasOneOwnerOnThisMachine) {
  const auto database = open();
  // A refused open must not take the lock from its owner, so ask twice.
  EXPECT_TRUE(was_killed([&] {
    const auto first = Database::open(path_);
    const auto second = Database::open(path_);
    const bool busy = !first && first.error().code == ErrorCode::kBusy && !second &&
                      first.error().message.find(path_ + "/LOCK") != std::string::npos;
    if (busy) (void)::raise(SIGKILL);
  }));
}

TEST_F(DatabaseTest, RefusesANewerFormatByBothNumbers) {
  auto database = open();
  ASSERT_TRUE(database->write({{Table::kMeta, "format", "7"}}, Durability::kSynced));
  database.reset();

  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("format 7"), HasSubstr("up to " + std::to_string(Database::kFormat)),
                    HasSubstr(path_)));
}

// An older program must refuse what it would take for damage.
TEST_F(DatabaseTest, AnOlderFormatBecomesThisOne) {
  const TablesSpec old{path_, 1, {{"default"}, {"blobs", true}}};
  ASSERT_TRUE(Tables::open(old));
  ASSERT_TRUE(open());

  const auto refused = Tables::open(old);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
}

TEST_F(DatabaseTest, RefusesANewerFormatThatHasMoreTables) {
  {
    const TablesSpec newer{
        path_, Database::kFormat + 1, {{"default"}, {"blobs"}, {"something-new"}}};
    ASSERT_TRUE(Tables::open(newer));
  }
  EXPECT_EQ(open_error().code, ErrorCode::kUnsupported);
}

TEST_F(DatabaseTest, RefusesDataWithoutAFormat) {
  auto database = open();
  ASSERT_TRUE(database->write({{Table::kMeta, "format", std::nullopt}, {Table::kRuns, "a", "1"}},
                              Durability::kSynced));
  database.reset();
  EXPECT_EQ(open_error().code, ErrorCode::kCorrupt);
}

TEST_F(DatabaseTest, RefusesDataWhoseCurrentFileIsGoneAndLeavesItAlone) {
  write_and_die(3);
  fs::remove(path_ + "/CURRENT");
  const auto before = files();

  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, AllOf(HasSubstr(path_), HasSubstr("CURRENT")));
  EXPECT_EQ(files(), before);
}

TEST_F(DatabaseTest, RefusesAChangedListOfFilesByItsName) {
  open().reset();
  for (const auto& file : fs::directory_iterator(path_))
    if (file.path().filename().string().starts_with("MANIFEST")) flip_byte(file.path(), 12);

  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr(path_ + "/MANIFEST-"));
}

// Without SYNCED, as stores of earlier versions are, RocksDB's own words are what there is.
TEST_F(DatabaseTest, RefusesAnUnreadableListOfFilesInRocksDbsWords) {
  open().reset();
  for (const auto& file : fs::directory_iterator(path_))
    if (file.path().filename().string().starts_with("MANIFEST")) flip_byte(file.path(), 12);
  fs::remove(path_ + "/SYNCED");

  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, AllOf(HasSubstr(path_), HasSubstr("Corruption: ")));
}

TEST_F(DatabaseTest, RefusesALogThatLostSyncedWritesAndLeavesItAlone) {
  write_and_die(20);
  const auto log = data_file(".log");
  flip_byte(log, fs::file_size(log) / 2);
  const auto before = files();

  for (int attempt = 0; attempt < 2; ++attempt) {
    const Error error = open_error();
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_THAT(error.message, AllOf(HasSubstr(path_), HasSubstr("synced writes")));
  }
  EXPECT_EQ(files(), before);
}

TEST_F(DatabaseTest, RefusesALogThatWasCutBeforeItsSyncedEnd) {
  write_and_die(20);
  const auto log = data_file(".log");
  fs::resize_file(log, fs::file_size(log) / 2);

  EXPECT_EQ(open_error().code, ErrorCode::kCorrupt);
}

TEST_F(DatabaseTest, OpensWithoutTheTornEndOfWhatWasNeverSynced) {
  ASSERT_TRUE(was_killed([&] {
    auto database = Database::open(path_).value();
    (void)database->write({{Table::kRuns, "synced", "1"}}, Durability::kSynced);
    for (int i = 0; i < 10; ++i)
      (void)database->write({{Table::kRuns, std::to_string(i), std::string(500, 'x')}},
                            Durability::kBuffered);
    (void)::raise(SIGKILL);
  }));
  const auto log = data_file(".log");
  flip_byte(log, fs::file_size(log) - 700);  // in the last but one: reported as damage, not as end

  const auto database = open();
  ASSERT_TRUE(database);
  EXPECT_EQ(database->get(Table::kRuns, "synced").value(), "1");
  EXPECT_EQ(database->get(Table::kRuns, "9").value(), std::nullopt);
}

TEST_F(DatabaseTest, OpensWhenTheLogEndsInTheMiddleOfAnUnsyncedWrite) {
  ASSERT_TRUE(was_killed([&] {
    auto database = Database::open(path_).value();
    (void)database->write({{Table::kRuns, "synced", "1"}}, Durability::kSynced);
    (void)database->write({{Table::kRuns, "torn", std::string(500, 'x')}}, Durability::kBuffered);
    (void)::raise(SIGKILL);
  }));
  const auto log = data_file(".log");
  fs::resize_file(log, fs::file_size(log) - 100);

  const auto database = open();
  ASSERT_TRUE(database);
  EXPECT_EQ(database->get(Table::kRuns, "synced").value(), "1");
  EXPECT_EQ(database->get(Table::kRuns, "torn").value(), std::nullopt);
}

// Dies right after a synced write behind 20 MB of bulk, which do not go through the log: only a
// flush before that write can have kept them.
void write_bulk_and_die(const std::string& path, bool another_flushes) {
  auto database = Database::open(path).value();
  for (int i = 0; i < kBulk; ++i)
    (void)database->write({{Table::kBlobs, std::to_string(i), kBulkValue}}, Durability::kBulk);
  std::atomic<bool> begun = false;
  std::thread another;
  if (another_flushes) {
    another = std::thread([&] {
      begun = true;
      (void)database->write({{Table::kMeta, "another", "1"}}, Durability::kSynced);
    });
    while (!begun) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) std::this_thread::yield();  // it is in its flush by now
  }
  (void)database->write({{Table::kRuns, "commit", "1"}}, Durability::kSynced);
  (void)::raise(SIGKILL);
}

class BulkTest : public DatabaseTest {
 protected:
  // In a program of its own: a flush needs RocksDB's threads, which a mere fork has lost. That
  // program runs this test again up to here, with the path of the first.
  void die_and_look(bool another_flushes) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const char* const given = std::getenv(kPath);
    const std::string path = given == nullptr ? path_ : given;
    ::setenv(kPath, path.c_str(), 1);
    EXPECT_EXIT(write_bulk_and_die(path, another_flushes), testing::KilledBySignal(SIGKILL), "");
    ::unsetenv(kPath);

    const auto database = open();
    ASSERT_TRUE(database);
    EXPECT_EQ(database->get(Table::kRuns, "commit").value(), "1");
    for (int i = 0; i < kBulk; ++i)
      ASSERT_EQ(database->get(Table::kBlobs, std::to_string(i)).value(), kBulkValue) << i;
  }
  static constexpr const char* kPath = "ROLLBACK_BULK_STORE";
};

TEST_F(BulkTest, IsKeptByASyncedWriteBehindIt) {
  die_and_look(false);
  EXPECT_LT(fs::file_size(data_file(".log")), 8U << 20U);
}

// Whoever commits must wait for a flush that another's synced write has begun.
TEST_F(BulkTest, IsKeptWhileTheFlushIsAnothers) { die_and_look(true); }

// The cache of 2 MiB holds filters too: what is read of one table drives out those of another.
TEST_F(DatabaseTest, SaysNoOfWhatIsNotThereWhenItsFilterIsNotInMemory) {
  constexpr int kTurns = 5;
  const auto database = open();
  std::mt19937 dice(7);  // values that no compression makes smaller
  const auto fill = [&](Table table, int count) {
    for (int i = 0; i < count; ++i) {
      std::string value(3000, '\0');
      for (auto& byte : value) byte = static_cast<char>(dice() & 0xff);
      ASSERT_TRUE(
          database->write({{table, std::to_string(i), std::move(value)}}, Durability::kBuffered));
    }
  };
  fill(Table::kTrees, 600);
  fill(Table::kEvents, 1600);

  int wrong = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (int i = 0; i < 1200; ++i) ASSERT_TRUE(database->get(Table::kEvents, std::to_string(i)));
    wrong += database->has(Table::kTrees, "never written " + std::to_string(turn)).value() ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(DatabaseTest, RemembersDamageUntilTheValueIsReplaced) {
  const auto database = open();
  ASSERT_TRUE(database->write({{Table::kBlobs, "k", "broken"}}, Durability::kBuffered));
  EXPECT_EQ(database->damage(), "");

  (void)database->note_damage(Table::kBlobs, "k", "content k is damaged");
  EXPECT_THAT(database->damage(), AllOf(HasSubstr(path_), HasSubstr("content k is damaged")));
  EXPECT_FALSE(database->has(Table::kBlobs, "k").value());

  ASSERT_TRUE(database->write({{Table::kBlobs, "k", "whole"}}, Durability::kBuffered));
  EXPECT_EQ(database->damage(), "");
  EXPECT_TRUE(database->has(Table::kBlobs, "k").value());
}

}  // namespace
}  // namespace rollback
