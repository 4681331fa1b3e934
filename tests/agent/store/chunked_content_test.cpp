// SPDX-License-Identifier: Apache-2.0
// Large contents: stored as chunks, shared, given back in pieces, and found when damaged.
#include <gmock/gmock.h>

#include "agent/store/blob_store.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::HasSubstr;

class ChunkedContentTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::unique_ptr<Database> database_ = Database::open(directory_.path() / "db").value();
  BlobStore blobs_{*database_};
  SeededRandom random_;
  std::string content_ = noise(3 << 20U);
  Digest digest_ = blobs_.put(content_).value();

  std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    random_.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
    return bytes;
  }
  void overwrite(const Digest& digest, std::optional<std::string> value) {
    ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(digest.view()), std::move(value)}},
                                 Durability::kBuffered));
  }
  std::string stored(const Digest& digest) {
    return database_->get(Table::kBlobs, digest.view()).value().value();
  }
  std::uint64_t stored_bytes() {
    std::uint64_t bytes = 0;
    EXPECT_TRUE(database_->scan(Table::kBlobs, {}, {}, [&](auto key, auto value) {
      bytes += key.size() + value.size();
      return true;
    }));
    return bytes;
  }
};

TEST_F(ChunkedContentTest, IsGivenBackUnderItsHash) {
  EXPECT_EQ(digest_, sha256(content_));
  EXPECT_GT(blobs_.chunks(digest_).value().size(), 10U);
  EXPECT_TRUE(blobs_.has(digest_).value());
  EXPECT_EQ(blobs_.get(digest_).value(), content_);
}

TEST_F(ChunkedContentTest, BeginsAtOneSize) {
  const auto below = blobs_.put(std::string(kChunkedSize - 1, 'a')).value();
  const auto at = blobs_.put(std::string(kChunkedSize, 'a')).value();

  EXPECT_TRUE(blobs_.chunks(below).value().empty());
  EXPECT_FALSE(blobs_.chunks(at).value().empty());
  EXPECT_EQ(blobs_.get(at).value(), std::string(kChunkedSize, 'a'));
}

TEST_F(ChunkedContentTest, IsTheSameInWhateverPiecesItComes) {
  for (const std::size_t piece : {1000UL, 65'536UL, 1UL << 20U, 5UL << 20U}) {
    BlobWriter writer(blobs_);
    std::string_view rest(content_);
    for (; !rest.empty(); rest.remove_prefix(std::min(rest.size(), piece)))
      ASSERT_TRUE(writer.add(rest.substr(0, piece)));
    EXPECT_EQ(writer.finish().value(), digest_) << piece;
  }
}

TEST_F(ChunkedContentTest, SharesWhatAnotherHasElsewhere) {
  const std::uint64_t before = stored_bytes();

  const auto other = blobs_.put("a new beginning" + content_).value();

  EXPECT_EQ(blobs_.get(other).value(), "a new beginning" + content_);
  EXPECT_LT(stored_bytes() - before, content_.size() / 4);
}

TEST_F(ChunkedContentTest, ALostChunkIsNamedAndHealedByPuttingTheContentAgain) {
  const Digest chunk = blobs_.chunks(digest_).value()[3].digest;
  overwrite(chunk, std::nullopt);

  EXPECT_FALSE(blobs_.has(digest_).value());
  const auto read = blobs_.get(digest_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(read.error().message, HasSubstr(digest_.hex()));
  EXPECT_THAT(read.error().message, HasSubstr(chunk.hex()));

  ASSERT_TRUE(blobs_.put(content_));
  EXPECT_EQ(blobs_.get(digest_).value(), content_);
}

TEST_F(ChunkedContentTest, ADamagedChunkIsNeverGivenOut) {
  const Digest chunk = blobs_.chunks(digest_).value()[3].digest;
  std::string broken = stored(chunk);
  broken.back() = static_cast<char>(broken.back() ^ 1);
  overwrite(chunk, broken);

  std::string given;
  const auto read = blobs_.read(digest_, [&](std::string_view piece) -> Status {
    given += piece;
    return {};
  });

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(given, content_.substr(0, given.size()));
  EXPECT_THAT(database_->damage(), HasSubstr(chunk.hex()));
}

TEST_F(ChunkedContentTest, EveryFlippedByteOfTheListIsFound) {
  const std::string list = stored(digest_);
  for (std::size_t at = 0; at < list.size(); ++at) {
    std::string broken = list;
    broken[at] = static_cast<char>(broken[at] ^ 0x10);
    overwrite(digest_, broken);
    const auto read = blobs_.get(digest_);
    ASSERT_FALSE(read) << "byte " << at;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt) << "byte " << at;
  }
}

TEST_F(ChunkedContentTest, TheListOfAnotherContentIsFound) {
  const auto other = blobs_.put(noise(2 << 20U)).value();
  overwrite(digest_, stored(other));

  EXPECT_EQ(blobs_.get(digest_).error().code, ErrorCode::kCorrupt);
}

TEST_F(ChunkedContentTest, StopsWhereItsReaderDoes) {
  int pieces = 0;
  const auto read = blobs_.read(digest_, [&](std::string_view) -> Status {
    if (++pieces == 2) return fail(ErrorCode::kNoSpace, "full");
    return {};
  });

  EXPECT_EQ(read.error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(pieces, 2);
}

}  // namespace
}  // namespace rollback
