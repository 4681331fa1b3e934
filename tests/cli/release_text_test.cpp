// SPDX-License-Identifier: Apache-2.0
// What a release is and how two differ, as an operator reads it.
#include "cli/output/release_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/session_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr WallTime kNoon{1'795'348'800'000'000'000};  // 2026-11-22T12:00:00Z

std::string line(const Reply& reply) {
  const SessionFixture fixture;
  const auto printed = line_of(fixture.session, reply);
  return printed ? printed->text : "(no line)";
}

PathItem path(NodeKind kind, std::uint32_t mode) {
  PathItem item;
  item.path = "/etc/shop/x";
  item.node.kind = kind;
  item.node.meta.mode = mode;
  item.node.meta.mtime_ns = kNoon.ns;
  item.node.user = "www-data";
  item.node.meta.gid = 33;
  return item;
}

TEST(ReleaseText, TheHeadOfShowSaysAThingALine) {
  const Revision revision{
      *RevisionName::parse("v2.4.1@2"), {sha256("s")}, {}, kNoon, true, "3f2a90c1"};
  const RevisionItem item{
      {revision, ReleaseStatus::kAvailable, false, true}, false, true, 1234, 5 << 20};
  EXPECT_EQ(line(reply_of(item)),
            "release   v2.4.1@2  available (pinned)\n"
            "recorded  2026-11-22T12:00:00Z\n"
            "snapshot  " +
                sha256("s").hex() +
                "\n"
                "git       3f2a90c1\n"
                "content   1,234 files, 5.0 MiB\n\n");
}

TEST(ReleaseText, PathsLookAsLsShowsThem) {
  auto item = path(NodeKind::kFile, 0644);
  item.node.size = 1234;
  EXPECT_EQ(line(reply_of(item)),
            "-rw-r--r--  www-data:33     1.2 KiB 2026-11-22T12:00 /etc/shop/x\n");
  item.node.meta.xattrs["system.posix_acl_access"] = "...";
  item.hard_links = 2;
  EXPECT_EQ(
      line(reply_of(item)),
      "-rw-r--r--+ www-data:33     1.2 KiB 2026-11-22T12:00 /etc/shop/x  (2 more hard links)\n");
  auto link = path(NodeKind::kSymlink, 0777);
  link.node.target = "../y\x1b";
  EXPECT_THAT(line(reply_of(link)), HasSubstr("lrwxrwxrwx "));
  EXPECT_THAT(line(reply_of(link)), EndsWith("/etc/shop/x -> ../y\\x1b\n"));
  PathItem special;
  special.path = "/run/s\n";
  special.special = true;
  EXPECT_THAT(line(reply_of(special)),
              EndsWith("/run/s\\x0a  (not stored: no file, or another file system)\n"));
}

TEST(ReleaseText, OfASecretSymlinkTheHashIsShown) {
  auto link = path(NodeKind::kSymlink, 0777);
  link.node.content = sha256("../y");
  EXPECT_THAT(line(reply_of(link)), EndsWith("/etc/shop/x -> secret, sha256 " +
                                             sha256("../y").hex().substr(0, 16) + "\n"));
}

TEST(ReleaseText, ModesHaveSetuidSetgidAndSticky) {
  EXPECT_THAT(line(reply_of(path(NodeKind::kFile, 04755))), HasSubstr("-rwsr-xr-x "));
  EXPECT_THAT(line(reply_of(path(NodeKind::kFile, 04644))), HasSubstr("-rwSr--r-- "));
  EXPECT_THAT(line(reply_of(path(NodeKind::kDirectory, 02775))), HasSubstr("drwxrwsr-x "));
  EXPECT_THAT(line(reply_of(path(NodeKind::kDirectory, 01777))), HasSubstr("drwxrwxrwt "));
  EXPECT_THAT(line(reply_of(path(NodeKind::kDirectory, 01776))), HasSubstr("drwxrwxrwT "));
}

DiffItem diff(DiffContent content) {
  DiffItem item;
  item.path = "/etc/shop/x";
  item.change = "changed";
  item.differences = {"content"};
  item.content = content;
  item.size_before = 1200 << 10;
  item.size_after = 1300 << 10;
  item.before = sha256("a");
  item.after = sha256("b");
  return item;
}

TEST(ReleaseText, ADiffWithoutTextSaysWhy) {
  EXPECT_EQ(line(reply_of(diff(DiffContent::kBinary))),
            "changed /etc/shop/x (content): binary, 1.2 MiB -> 1.3 MiB\n");
  EXPECT_EQ(line(reply_of(diff(DiffContent::kLarge))),
            "changed /etc/shop/x (content): text, 1.2 MiB -> 1.3 MiB, not compared line by line\n");
  auto secret = diff(DiffContent::kSecret);
  secret.change = "added";
  secret.differences = {};
  secret.before = {};
  EXPECT_EQ(line(reply_of(secret, "web1")),
            "web1: added /etc/shop/x: secret, absent -> sha256 " + sha256("b").hex() + "\n");
  auto unreadable = diff(DiffContent::kUnreadable);
  unreadable.text = "content 3f2a is not stored";
  EXPECT_THAT(line(reply_of(unreadable)), EndsWith(": content 3f2a is not stored\n"));
}

TEST(ReleaseText, StatsHaveARowForEachPathAndASum) {
  const SessionFixture fixture;
  DiffStat stat;
  Table table(stat.row(reply_of(Line{}), diff(DiffContent::kBinary)).head);
  DiffStat counted;
  auto text = diff(DiffContent::kText);
  text.added_lines = 3;
  text.removed_lines = 1;
  table.add(counted.row(reply_of(text), text).cells);
  text.path = "/etc/shop/long";
  text.added_lines = 4000;
  text.removed_lines = 1;
  table.add(counted.row(reply_of(text), text).cells);
  const auto binary = diff(DiffContent::kBinary);
  table.add(counted.row(reply_of(binary), binary).cells);
  DiffItem unit;
  unit.path = "unit shop.service";
  unit.change = "changed";
  unit.differences = {"active -> inactive"};
  table.add(counted.row(reply_of(unit), unit).cells);
  EXPECT_EQ(table.str(fixture.session.terminal),
            "CHANGE   LINES  +-          PATH\n"
            "changed  4      +++-        /etc/shop/x (content)\n"
            "changed  4,001  +++++++++-  /etc/shop/long (content)\n"
            "changed                     /etc/shop/x (content): binary, 1.2 MiB -> 1.3 MiB\n"
            "changed                     unit shop.service (active -> inactive)\n");
  EXPECT_EQ(counted.str(),
            "3 files changed, 1 of units and facts, 4,003 insertions(+), 2 deletions(-)\n");
}

}  // namespace
}  // namespace rollback::testing
