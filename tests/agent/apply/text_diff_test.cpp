// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/text_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}

// What `patch` would make of it; independent of how the difference was found.
std::string patched(const std::string& from, const std::string& diff) {
  const auto before = lines_of(from);
  std::vector<std::string> after;
  std::size_t at = 0;
  for (const auto& line : lines_of(diff)) {
    if (line.starts_with("---") || line.starts_with("+++") || line.starts_with("\\")) continue;
    if (line.starts_with("@@")) {
      std::size_t begin = std::stoul(line.substr(4));
      if (begin > 0) --begin;
      while (at < begin) after.push_back(before.at(at++));
    } else if (line[0] == '+') {
      after.push_back(line.substr(1));
    } else {
      EXPECT_EQ(before.at(at), line.substr(1)) << line;
      if (line[0] == ' ') after.push_back(before.at(at));
      ++at;
    }
  }
  while (at < before.size()) after.push_back(before.at(at++));
  return joined(after);
}

TEST(TextDiff, IsUnifiedWithThreeLinesOfContext) {
  const auto diff = diff_text("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\nfive\n6\n", "/etc/a");
  ASSERT_TRUE(diff);
  EXPECT_EQ(diff->text, "--- /etc/a\n+++ /etc/a\n@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-5\n+five\n 6\n");
  EXPECT_EQ(diff->added, 1U);
  EXPECT_EQ(diff->removed, 1U);
}

TEST(TextDiff, OfEqualTextsIsEmpty) {
  EXPECT_EQ(diff_text("a\n", "a\n", "/a")->text, "");
  EXPECT_EQ(diff_text("", "", "/a")->text, "");
}

TEST(TextDiff, TellsAMissingNewlineAtTheEnd) {
  const auto diff = diff_text("a\nb", "a\nb\n", "/a");
  EXPECT_EQ(diff->text,
            "--- /a\n+++ /a\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
  EXPECT_EQ(diff->added + diff->removed, 2U);
}

TEST(TextDiff, OfAFileThatCameOrWentIsAllOfIt) {
  EXPECT_EQ(diff_text("", "a\nb\n", "/a")->added, 2U);
  EXPECT_EQ(diff_text("a\nb\n", "", "/a")->removed, 2U);
  EXPECT_THAT(diff_text("", "a\n", "/a")->text, EndsWith("+a\n"));
}

TEST(TextDiff, EscapesWhatWouldSteerATerminal) {
  EXPECT_THAT(diff_text("", "\x1b[2J\t\xc3\xa9\n", "/a\x1b")->text,
              HasSubstr("+++ /a\\x1b\n@@ -0,0 +1,1 @@\n+\\x1b[2J\t\xc3\xa9\n"));
}

TEST(TextDiff, IsNotMadeBeyondItsLimits) {
  EXPECT_FALSE(diff_text("", std::string(kMostDiffedBytes + 1, 'x'), "/a"));
  EXPECT_TRUE(diff_text("", std::string(kMostDiffedBytes, 'x'), "/a"));
  EXPECT_FALSE(diff_text("", std::string(kMostDiffedLines + 1, '\n'), "/a"));
  EXPECT_TRUE(diff_text("", std::string(kMostDiffedLines, '\n'), "/a"));
}

TEST(TextDiff, IsCutAndSaysSo) {
  std::string to;
  for (int i = 0; i < 10'000; ++i) to += "line number " + std::to_string(i) + " of many\n";
  const auto diff = diff_text("", to, "/a");
  EXPECT_LE(diff->text.size(), kMostDiffText + 200);
  EXPECT_THAT(diff->text, EndsWith(" more lines of this difference are not shown\n"));
  EXPECT_EQ(diff->added, 10'000U);
}

// Nothing in common at all is the most work there is.
TEST(TextDiff, OfTheLargestUnequalTextsEndsAndCountsThem) {
  std::string from;
  std::string to;
  for (std::size_t i = 0; i < kMostDiffedLines; ++i) {
    from += "a" + std::to_string(i) + '\n';
    to += "b" + std::to_string(i) + '\n';
  }
  const auto diff = diff_text(from, to, "/a");
  ASSERT_TRUE(diff);
  EXPECT_EQ(diff->added, kMostDiffedLines);
  EXPECT_EQ(diff->removed, kMostDiffedLines);
}

TEST(TextDiff, TurnsOneTextIntoTheOther) {
  SeededRandom random;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> before;
    for (std::uint64_t i = random.below(60); i > 0; --i)
      before.push_back(std::string(1, static_cast<char>('a' + random.below(6))));
    auto after = before;
    for (std::uint64_t edits = random.below(12); edits > 0; --edits) {
      const auto at = static_cast<std::ptrdiff_t>(random.below(after.size() + 1));
      if (random.below(2) == 0 || at == static_cast<std::ptrdiff_t>(after.size()))
        after.insert(after.begin() + at, std::string(1, static_cast<char>('a' + random.below(8))));
      else
        after.erase(after.begin() + at);
    }
    const auto diff = diff_text(joined(before), joined(after), "/a");
    ASSERT_TRUE(diff);
    ASSERT_EQ(patched(joined(before), diff->text), joined(after)) << diff->text;
  }
}

}  // namespace
}  // namespace rollback
