// SPDX-License-Identifier: Apache-2.0
// Answers about the store as an operator reads them.
#include "cli/output/store_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/session_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::HasSubstr;

std::string line(const Reply& reply) {
  const SessionFixture fixture;
  const auto printed = line_of(fixture.session, reply);
  return printed ? printed->text : "(no line)";
}

TEST(StoreLines, OfAPruneSayWhatIsFreeNow) {
  const PruneSummary done{false, 1, 10, 4096, 48 << 20, 45 << 20};
  EXPECT_EQ(line(reply_of(done)),
            "removed 1 revision, kept 10; 4.0 KiB freed, the store takes 45.0 MiB (before: 48.0 "
            "MiB)\n");
  EXPECT_EQ(line(reply_of(PruneSummary{true, 3, 10, 4096, 48 << 20, 48 << 20}, "web1")),
            "web1: would remove 3 revisions and keep 10; 4.0 KiB of the 48.0 MiB on disk would be "
            "free\n");
}

TEST(StoreLines, OfDamageNameEveryReleaseAndEscape) {
  const DamageItem item{
      "content 3f2a", "it has another hash", {"v2.3.0", "v2.4.0"}, {"/a\x1b"}, false};
  EXPECT_EQ(line(reply_of(item)),
            "damaged content 3f2a: it has another hash\n  releases: v2.3.0, v2.4.0\n"
            "  paths: /a\\x1b\n");
  EXPECT_THAT(line(reply_of(DamageItem{"tree 1", "is absent", {}, {}, true})),
              HasSubstr("repaired tree 1: is absent\n"));
}

TEST(StoreLines, OfAVerificationTellReadFromLookedAt) {
  EXPECT_EQ(line(reply_of(VerifySummary{true, 1, 4096, 0, 0, false})),
            "1 object, 4.0 KiB read and hashed: all intact\n");
  EXPECT_EQ(line(reply_of(VerifySummary{false, 1'700, 0, 2, 1, true})),
            "1,700 objects looked at, contents not read, those of the interrupted verification "
            "included: 2 damaged, 1 repaired\n");
}

TEST(StoreLines, OfAnArchiveAreTalk) {
  const SessionFixture fixture;
  const auto printed =
      line_of(fixture.session, reply_of(ArchiveItem{"v2.4.1", 9, 4096, sha256("archive")}));
  ASSERT_TRUE(printed);
  EXPECT_TRUE(printed->talk);
  EXPECT_THAT(printed->text, HasSubstr("v2.4.1: 9 records, 4.0 KiB, sha256 "));
}

TEST(StoreRows, OfAPruneSayWhy) {
  const SessionFixture fixture;
  const auto row =
      row_of(fixture.session, reply_of(PruneItem{"v2.3.0", true, "beyond the newest 10", 4096}));
  Table table(row.head);
  table.add(row.cells);
  EXPECT_EQ(table.str(fixture.session.terminal),
            "RELEASE  DECISION  FREES    WHY\n"
            "v2.3.0   remove    4.0 KiB  beyond the newest 10\n");
}

}  // namespace
}  // namespace rollback::testing
