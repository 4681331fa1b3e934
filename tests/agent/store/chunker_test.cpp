// SPDX-License-Identifier: Apache-2.0
#include "agent/store/chunker.h"

#include <gmock/gmock.h>

#include <set>

#include "core/digest.h"
#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

std::string noise(std::size_t size, std::uint64_t seed = seed_of_this_run()) {
  SeededRandom random(seed);
  std::string bytes(size, '\0');
  random.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
  return bytes;
}

std::vector<std::string_view> cut(std::string_view bytes) {
  std::vector<std::string_view> chunks;
  for (; !bytes.empty(); bytes.remove_prefix(chunks.back().size()))
    chunks.push_back(bytes.substr(0, first_chunk(bytes)));
  return chunks;
}

TEST(Chunker, KeepsToItsSizes) {
  const std::string bytes = noise(20 << 20U);
  const auto chunks = cut(bytes);
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    EXPECT_GE(chunks[i].size(), kMinChunk);
    EXPECT_LE(chunks[i].size(), kMaxChunk);
  }
  const std::size_t average = bytes.size() / chunks.size();
  EXPECT_GT(average, kAverageChunk / 2);
  EXPECT_LT(average, kAverageChunk * 2);
}

TEST(Chunker, EndsAtTheLatestAtTheLargestSize) {
  const std::string zeros(3 * kMaxChunk, '\0');
  EXPECT_LE(first_chunk(zeros), kMaxChunk);
  EXPECT_EQ(first_chunk(std::string_view(zeros).substr(0, 10)), 10U);
  EXPECT_EQ(first_chunk(""), 0U);
}

TEST(Chunker, LooksNoFurtherThanTheLargestSize) {
  const std::string bytes = noise(2 * kMaxChunk);
  EXPECT_EQ(first_chunk(bytes), first_chunk(std::string_view(bytes).substr(0, kMaxChunk)));
}

TEST(Chunker, FindsItsPlacesAgainBehindAnInsertedByte) {
  const std::string before = noise(8 << 20U);
  std::string after = before;
  after.insert(after.size() / 3, 1, 'x');
  after.erase(after.size() / 2, 100);

  std::set<Digest> known;
  for (const auto chunk : cut(before)) known.insert(sha256(chunk));
  std::size_t new_bytes = 0;
  for (const auto chunk : cut(after))
    if (!known.contains(sha256(chunk))) new_bytes += chunk.size();

  EXPECT_LE(new_bytes, 8 * kMaxChunk);
}

// Another cut is no error, but everything that is stored would be stored again.
TEST(Chunker, CutsWhereItAlwaysDid) {
  std::string sizes;
  for (const auto chunk : cut(noise(600'000, 42))) sizes += std::to_string(chunk.size()) + " ";
  EXPECT_EQ(sizes, "70118 100968 50521 68176 104032 82907 32542 50435 40301 ");
}

}  // namespace
}  // namespace rollback
