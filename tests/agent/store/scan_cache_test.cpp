// SPDX-License-Identifier: Apache-2.0
#include "agent/store/scan_cache.h"

#include <gmock/gmock.h>

#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::Eq;
using testing::IsEmpty;
using testing::SizeIs;

SeenEntry file(const std::string& name, const Digest& content) {
  return {name, FileType::kRegular, 7, 42, -1, 1'750'000'000'123'456'789, content};
}

class ScanCacheTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::unique_ptr<Database> database_ = Database::open(directory_.path() / "db").value();
  BlobStore blobs_{*database_};
  ScanCache scans_{*database_, blobs_};
  std::uint64_t sweeps_ = 0;
  Digest stored_ = blobs_.put("stored").value();
  SeenDirectory seen_{3,
                      sha256("owners"),
                      sha256("tree"),
                      sha256("root"),
                      {{"\xff dir", FileType::kDirectory, 8, 4096, 1, 2, sha256("below")},
                       file("a", stored_),
                       {"link", FileType::kSymlink, 9, 3, 1, 2, {}},
                       {"socket", FileType::kOther, 10, 0, 1, 2, {}}}};

  void SetUp() override {
    std::rotate(seen_.entries.begin(), seen_.entries.begin() + 1, seen_.entries.end());
    ASSERT_TRUE(database_->write({{Table::kTrees, std::string(sha256("tree").view()), "a tree"}},
                                 Durability::kSynced));
  }
};

TEST_F(ScanCacheTest, GivesBackWhatWasSeen) {
  ASSERT_TRUE(scans_.keep({{"/etc/shop", seen_, {}}}, sweeps_));
  EXPECT_THAT(scans_.find("/etc/shop", sweeps_), Eq(seen_));
  EXPECT_THAT(scans_.find("/etc", sweeps_), Eq(std::nullopt));
}

TEST_F(ScanCacheTest, ForgetsDirectoriesThatAreGoneWithAllBelowThem) {
  ASSERT_TRUE(scans_.keep({{"/etc/shop", seen_, {}},
                           {"/etc/shop/a", seen_, {}},
                           {"/etc/shop/a/b", seen_, {}},
                           {"/etc/shop/ab", seen_, {}}},
                          sweeps_));
  ASSERT_TRUE(scans_.keep({{"/etc/shop", seen_, {"a"}}}, sweeps_));
  EXPECT_THAT(scans_.find("/etc/shop", sweeps_), Eq(seen_));
  EXPECT_THAT(scans_.find("/etc/shop/a", sweeps_), Eq(std::nullopt));
  EXPECT_THAT(scans_.find("/etc/shop/a/b", sweeps_), Eq(std::nullopt));
  EXPECT_THAT(scans_.find("/etc/shop/ab", sweeps_), Eq(seen_));
}

TEST_F(ScanCacheTest, BelievesAfterASweepOnlyWhatIsStillStored) {
  seen_.entries[1] = file("gone", sha256("swept"));
  ASSERT_TRUE(scans_.keep({{"/etc/shop", seen_, {}}}, sweeps_));
  sweeps_ = 1;
  const auto found = scans_.find("/etc/shop", sweeps_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tree, seen_.tree);
  EXPECT_EQ(found->entries[0].ino, seen_.entries[0].ino);
  EXPECT_EQ(found->entries[1].ino, 0U);
}

TEST_F(ScanCacheTest, TakesNoTreeThatWasSwept) {
  seen_.tree = sha256("swept");
  ASSERT_TRUE(scans_.keep({{"/etc/shop", seen_, {}}}, sweeps_));
  sweeps_ = 1;
  EXPECT_TRUE(scans_.find("/etc/shop", sweeps_)->tree.is_none());
}

TEST_F(ScanCacheTest, BelievesNothingThatIsKnownToBeDamaged) {
  ASSERT_TRUE(scans_.keep({{"/etc/shop", seen_, {}}}, sweeps_));
  (void)database_->note_damage(Table::kBlobs, stored_.view(), "content: another hash");
  const auto found = scans_.find("/etc/shop", sweeps_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->entries[0].name, "a");
  EXPECT_EQ(found->entries[0].ino, 0U);
}

TEST_F(ScanCacheTest, ReadsNoRowThatItDidNotWrite) {
  const std::string row = encode_seen(seen_, 5);
  ASSERT_TRUE(decode_seen(row));
  EXPECT_EQ(decode_seen(row)->sweeps, 5U);
  EXPECT_EQ(decode_seen(row)->seen, seen_);
  for (std::size_t size = 0; size < row.size(); ++size)
    EXPECT_FALSE(decode_seen(row.substr(0, size))) << size;
  EXPECT_FALSE(decode_seen(row + "x"));
  std::string newer = row;
  newer[0] = 2;
  EXPECT_FALSE(decode_seen(newer));
  std::swap(seen_.entries[0], seen_.entries[1]);
  EXPECT_FALSE(decode_seen(encode_seen(seen_, 5)));
  SeededRandom random;
  for (int turn = 0; turn < 2000; ++turn) {
    std::string hostile = row;
    hostile[random.below(hostile.size())] = static_cast<char>(random.below(256));
    (void)decode_seen(hostile);  // whatever it says, it ends and holds little
  }
}

}  // namespace
}  // namespace rollback
