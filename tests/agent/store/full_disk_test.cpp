// SPDX-License-Identifier: Apache-2.0
// A store whose disk is full, and what becomes of it when there is room again.
#include "tests/support/full_disk.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "agent/store/database.h"
#include "core/store/tables.h"
#include "tests/support/mounted.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kPage(4096, 'x');
constexpr std::size_t kLarge = 64 << 20U;

// The store is on a file system of its own.
class FullStoreTest : public testing::Test {
 protected:
  TempDirectory directory_;
  const fs::path mount_ = directory_.path() / "disk";
  const bool made_ = fs::create_directory(mount_);
  const Mounted mounted_{mount_, Mounted::Tmpfs{"size=160m"}};
  const fs::path path_ = mount_ / "store";
};

TEST_F(FullStoreTest, TakesNothingAndGoesOnByItselfWhenThereIsRoom) {
  auto database = Database::open(path_);
  ASSERT_TRUE(database) << database.error().message;
  const auto put = [&](const std::string& key) {
    return (*database)->put(Table::kRuns, key, kPage, Durability::kSynced);
  };
  for (int round = 0; round < 20; ++round) {
    const auto key = std::to_string(round);
    ASSERT_TRUE(put(key));
    fill_disk(mount_);
    for (int tries = 0; tries < 3; ++tries) {
      const auto full = put("full");
      ASSERT_FALSE(full);
      EXPECT_EQ(full.error().code, ErrorCode::kNoSpace) << full.error().message;
    }
    EXPECT_TRUE((*database)->is_stopped());
    EXPECT_FALSE((*database)->resume());
    EXPECT_THAT((*database)->damage(), HasSubstr(path_.string()));
    EXPECT_EQ((*database)->get(Table::kRuns, key).value(), kPage);
    make_room(mount_);
    EXPECT_TRUE(round % 2 == 0 || (*database)->resume());
    const auto again = put("again" + key);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_FALSE((*database)->is_stopped());
    EXPECT_EQ((*database)->damage(), "");
  }
  database->reset();
  database = Database::open(path_);
  ASSERT_TRUE(database) << database.error().message;
  for (int round = 0; round < 20; ++round)
    EXPECT_EQ((*database)->get(Table::kRuns, "again" + std::to_string(round)).value(), kPage);
  EXPECT_EQ((*database)->get(Table::kRuns, "full").value(), std::nullopt);
}

TEST_F(FullStoreTest, NeedsFilesAsWellAsBytes) {
  const fs::path few = directory_.path() / "few";
  fs::create_directory(few);
  const Mounted mounted{few, Mounted::Tmpfs{"size=160m,nr_inodes=200"}};
  auto database = Database::open_or_degrade(few / "store");
  ASSERT_TRUE(database) << database.error().message;
  ASSERT_TRUE((*database)->put(Table::kRuns, "a", "a", Durability::kSynced));
  int files = 0;
  while (std::ofstream(few / std::to_string(files)).good()) ++files;
  EXPECT_EQ((*database)->put(Table::kRuns, "b", "b", Durability::kSynced).error().code,
            ErrorCode::kNoSpace);
  database->reset();
  database = Database::open_or_degrade(few / "store");
  ASSERT_TRUE(database) << database.error().message;
  EXPECT_EQ((*database)->get(Table::kRuns, "a").value(), "a");
  EXPECT_FALSE((*database)->needs_new_start());  // else it would be started again and again
  for (int at = 0; at < files; ++at) fs::remove(few / std::to_string(at));
  EXPECT_TRUE((*database)->needs_new_start());
}

// Nothing can be read either: whoever starts the program tries again.
TEST_F(FullStoreTest, ThatDoesNotExistYetIsNotOpened) {
  fill_disk(mount_);
  const auto none = Database::open_or_degrade(path_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNoSpace) << none.error().message;
  make_room(mount_);
  EXPECT_TRUE(Database::open_or_degrade(path_));
}

// Somebody takes the last page between the look for room and the write.
TEST_F(FullStoreTest, WhoseLogMeetsTheFullDiskHasToBeOpenedAnew) {
  TablesSpec spec{path_, 1, {{"default"}}};
  spec.room = 0;
  for (const auto durability : {Durability::kSynced, Durability::kBuffered}) {
    auto tables = Tables::open(spec);
    ASSERT_TRUE(tables) << tables.error().message;
    const auto put = [&](const std::string& key, const std::string& value, Durability how) {
      return (*tables)->write({{0, key, value}}, how);
    };
    ASSERT_TRUE(put("before", kPage, Durability::kSynced));
    ASSERT_TRUE(put("unlogged", kPage, Durability::kBulk));
    fill_disk(mount_, off_t{kLarge});
    // The batch would fit; what the log adds to each 32 KiB of it does not.
    const auto full = put("full", std::string(kLarge - 100, 'x'), durability);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, ErrorCode::kNoSpace) << full.error().message;
    make_room(mount_);
    EXPECT_TRUE((*tables)->needs_new_start());
    EXPECT_FALSE((*tables)->resume());
    EXPECT_FALSE(put("refused", "more", Durability::kSynced));
    tables->reset();
    tables = Tables::open(spec);
    ASSERT_TRUE(tables) << tables.error().message;
    EXPECT_EQ((*tables)->get(0, "before").value(), kPage);
    EXPECT_EQ((*tables)->get(0, "full").value(), std::nullopt);
    EXPECT_EQ((*tables)->get(0, "refused").value(), std::nullopt);
    EXPECT_TRUE(put("more", "more", Durability::kSynced));
  }
}

// What is only in memory has to be written out, and does not fit: nothing of it is lost.
TEST_F(FullStoreTest, WhoseTablesMeetTheFullDiskGoesOn) {
  const TablesSpec spec{path_, 1, {{"default"}, {"contents", true}}};
  auto tables = Tables::open(spec);
  ASSERT_TRUE(tables) << tables.error().message;
  std::mt19937 random(1);
  std::string value(1 << 20U, 'x');
  fill_disk(mount_, 6 << 20);
  Status last;
  int written = -1;
  for (int at = 0; at < 100 && last; ++at) {
    std::ranges::generate(value, [&] { return static_cast<char>(random()); });
    last = (*tables)->write({{1, std::to_string(at), value}}, Durability::kBulk);
    written += last ? 1 : 0;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::kNoSpace) << last.error().message;
  make_room(mount_);
  const auto again = (*tables)->write({{0, "again", "again"}}, Durability::kSynced);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE((*tables)->take_resumed());
  EXPECT_FALSE((*tables)->take_resumed());
  tables->reset();
  tables = Tables::open(spec);
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_GT(written, 1);
  for (int at = 0; at <= written; ++at)
    EXPECT_TRUE((*tables)->get(1, std::to_string(at)).value()) << at;
}

}  // namespace
}  // namespace rollback
