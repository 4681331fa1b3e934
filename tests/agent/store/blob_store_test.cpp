// SPDX-License-Identifier: Apache-2.0
#include "agent/store/blob_store.h"

#include <gmock/gmock.h>

#include <thread>

#include "agent/store/blob_format.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class BlobStoreTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::unique_ptr<Database> database_ = Database::open(directory_.path() / "db").value();
  BlobStore blobs_{*database_};

  void overwrite(const Digest& digest, std::string value) {
    ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(digest.view()), std::move(value)}},
                                 Durability::kBuffered));
  }
  std::string stored(const Digest& digest) {
    return database_->get(Table::kBlobs, digest.view()).value().value();
  }
};

std::string noise(std::size_t size) {
  SeededRandom random;
  std::string bytes(size, '\0');
  random.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
  return bytes;
}

std::string packed_blob(std::string_view content) {
  std::string room;
  return std::string(pack_blob(content, room).value());
}

// Words that come again: more effort finds more of them.
std::string prose(SeededRandom& random, std::size_t size) {
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random.below(900)) + ' ';
  return text;
}

TEST_F(BlobStoreTest, CompressesAsThoroughlyAsTheBudgetAllows) {
  SeededRandom random;
  const auto paid = prose(random, 200'000);
  const auto unpaid = prose(random, 200'000);
  EffortBudget budget(static_cast<std::int64_t>(paid.size()));
  for (const auto& [content, effort] :
       {std::pair{paid, Effort::kThorough}, std::pair{unpaid, Effort::kQuick}}) {
    BlobWriter writer(blobs_, &budget);
    ASSERT_TRUE(writer.add(content));
    const auto digest = writer.finish().value();
    std::string room;
    EXPECT_EQ(stored(digest), pack_blob(content, room, effort).value());
    EXPECT_EQ(blobs_.get(digest).value(), content);
  }
  EXPECT_LT(stored(sha256(paid)).size(), packed_blob(paid).size());
}

TEST_F(BlobStoreTest, GivesBackWhatWasPutUnderItsHash) {
  for (const auto& content : {std::string(), std::string("x"), std::string(300'000, 'a'),
                              noise(5'000), noise(300'000), std::string("\0\xff", 2)}) {
    const auto digest = blobs_.put(content).value();
    EXPECT_EQ(digest, sha256(content));
    EXPECT_TRUE(blobs_.has(digest).value());
    EXPECT_EQ(blobs_.get(digest).value(), content);
    EXPECT_EQ(blobs_.put(content).value(), digest);
  }
}

TEST_F(BlobStoreTest, CompressesOnlyWhereItPays) {
  EXPECT_LT(stored(blobs_.put(std::string(100'000, 'a')).value()).size(), 100U);
  EXPECT_EQ(stored(blobs_.put(noise(10'000)).value()).size(), 10'009U);
}

TEST_F(BlobStoreTest, NamesWhatItDoesNotHave) {
  const Digest digest = sha256("never put");
  EXPECT_FALSE(blobs_.has(digest).value());
  const auto missing = blobs_.get(digest);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(digest.hex()));
  EXPECT_EQ(database_->damage(), "");
}

TEST_F(BlobStoreTest, FindsEveryFlippedByte) {
  for (const auto& content : {std::string(200, 'a') + "tail", noise(40)}) {
    const auto digest = blobs_.put(content).value();
    const std::string whole = stored(digest);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ 0x10);
      overwrite(digest, broken);
      const auto read = blobs_.get(digest);
      // A flip that zstd does not need (a reserved bit) may still give the same bytes.
      if (read && *read == content) continue;
      ASSERT_FALSE(read) << "byte " << at;
      EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
      EXPECT_THAT(read.error().message, HasSubstr(digest.hex()));
    }
    EXPECT_THAT(database_->damage(), HasSubstr(digest.hex()));
  }
}

TEST_F(BlobStoreTest, FindsAnotherSoundContentUnderAHash) {
  const auto digest = blobs_.put("this").value();
  overwrite(digest, packed_blob("that"));
  EXPECT_EQ(blobs_.get(digest).error().code, ErrorCode::kCorrupt);
}

TEST_F(BlobStoreTest, IsHealedByPuttingTheContentAgain) {
  const auto digest = blobs_.put("content").value();
  overwrite(digest, "broken");
  ASSERT_FALSE(blobs_.get(digest));
  EXPECT_FALSE(blobs_.has(digest).value());

  ASSERT_TRUE(blobs_.put("content"));
  EXPECT_EQ(blobs_.get(digest).value(), "content");
  EXPECT_EQ(database_->damage(), "");
}

TEST_F(BlobStoreTest, TakesContentsFromSeveralThreads) {
  const auto put_many = [&](int first) {
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(blobs_.put("content " + std::to_string(first + i)));
  };
  std::thread other(put_many, 100);
  put_many(0);
  other.join();
  for (int i = 0; i < 300; ++i) {
    const std::string content = "content " + std::to_string(i);
    EXPECT_EQ(blobs_.get(sha256(content)).value(), content);
  }
}

std::string packed(char encoding, std::uint64_t size, std::string_view rest) {
  std::string bytes(1, encoding);
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift & 0xff);
  return bytes.append(rest);
}

TEST(BlobFormat, BelievesNoDeclaredSize) {
  const std::string frame = packed_blob(std::string(100'000, 'a')).substr(9);
  for (const auto& hostile :
       {std::string(), packed(0, 5, "four"), packed(0, 3, "four"), packed(2, 4, "four"),
        packed(3, 4, "four"), packed(1, 99'999, frame), packed(1, 1ULL << 40, frame),
        packed(1, ~0ULL, frame), packed(1, 100'000, frame.substr(0, frame.size() - 1)),
        packed(1, 4, "four"), packed(1, 0, ""), packed(0, kMaxBlobSize + 1, "")}) {
    const auto unpacked = unpack_blob({}, hostile);
    ASSERT_FALSE(unpacked) << hostile.size();
    EXPECT_EQ(unpacked.error().code, ErrorCode::kCorrupt);
  }
}

TEST(BlobFormat, AllocatesNothingForAFrameThatCannotHoldWhatItDeclares) {
  // Magic, a descriptor with an 8 byte size, the window, 1 GiB, and an empty last block.
  std::string frame("\x28\xb5\x2f\xfd\xc0\x00", 6);
  for (int shift = 0; shift < 64; shift += 8)
    frame += static_cast<char>(kMaxBlobSize >> shift & 0xff);
  frame += std::string("\x01\x00\x00", 3);
  const auto unpacked = unpack_blob({}, packed(1, kMaxBlobSize, frame));
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().message, HasSubstr("cannot hold"));
}

}  // namespace
}  // namespace rollback
