// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "model/snapshot.h"
#include "model/tree.h"

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Node file() {
  Node node;
  node.meta = {0644, 33, 33, 1, {}};
  node.user = "www-data";
  node.group = "www-data";
  node.size = 5;
  node.content = sha256("hello");
  return node;
}

TEST(Node, TimesTreeIdsAndNumbersOfNamedOwnersAreNoDifference) {
  Node other = file();
  other.meta.mtime_ns = 2;
  other.meta.uid = 1033;
  other.meta.gid = 1033;
  EXPECT_TRUE(same_content(file(), other));
  Node directory = file();
  directory.kind = NodeKind::kDirectory;
  directory.root = sha256("root");
  Node touched = directory;
  touched.content = sha256("another tree id");
  EXPECT_TRUE(same_content(directory, touched));
}

TEST(Node, NumbersCountWhereThereIsNoName) {
  Node from = file();
  from.user = "";
  Node to = from;
  to.meta.uid = 34;
  EXPECT_THAT(differences(from, to), ElementsAre("owner 33:www-data -> 34:www-data"));
  EXPECT_THAT(differences(file(), from), ElementsAre("owner www-data:www-data -> 33:www-data"));
}

TEST(Node, DifferencesSayWhatChanged) {
  Node to = file();
  to.content = sha256("other");
  to.meta.mode = 0600;
  to.meta.xattrs = {{"user.x", "1"}};
  EXPECT_THAT(differences(file(), to), ElementsAre("content", "mode 0644 -> 0600", "xattr user.x"));
  EXPECT_THAT(differences(to, to), IsEmpty());
}

TEST(Node, AnotherTypeIsTheOnlyDifferenceNamed) {
  Node to = file();
  to.kind = NodeKind::kSymlink;
  to.meta.mode = 0777;
  EXPECT_THAT(differences(file(), to), ElementsAre("type"));
}

TEST(Path, OnlyAbsoluteCanonicalOnesAreAccepted) {
  for (const auto* path : {"/", "/a", "/a/b", "/a/.b", "/a/..b", "/a b"})
    EXPECT_TRUE(is_canonical_path(path)) << path;
  for (const auto* path : {"", "a", "/a/", "//a", "/a//b", "/a/./b", "/..", "/a/.."})
    EXPECT_FALSE(is_canonical_path(path)) << path;
  EXPECT_FALSE(is_canonical_path(std::string("/a\0b", 4)));
  EXPECT_TRUE(is_canonical_path("/" + std::string(65'534, 'a')));
  EXPECT_FALSE(is_canonical_path("/" + std::string(65'535, 'a')));
}

TEST(Path, IsWithinItselfAndItsParentsOnly) {
  EXPECT_TRUE(is_within("/etc/nginx", "/etc/nginx"));
  EXPECT_TRUE(is_within("/etc/nginx/a", "/etc/nginx"));
  EXPECT_TRUE(is_within("/etc", "/"));
  EXPECT_FALSE(is_within("/etc/nginx2", "/etc/nginx"));
  EXPECT_FALSE(is_within("/etc", "/etc/nginx"));
}

TEST(ResourceKind, IsReadBackFromItsText) {
  for (const auto kind : {ResourceKind::kNginx, ResourceKind::kSystemd, ResourceKind::kBinary,
                          ResourceKind::kFiles, ResourceKind::kCompose})
    EXPECT_EQ(*parse_resource_kind(to_string(kind)), kind);
  EXPECT_EQ(parse_resource_kind("docker").error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace rollback
