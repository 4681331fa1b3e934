// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Node file(const std::string& content) {
  Node node;
  node.content = sha256(content);
  return node;
}

Node directory(const std::string& below, std::uint32_t mode = 0755) {
  Node node;
  node.kind = NodeKind::kDirectory;
  node.meta.mode = mode;
  node.root = sha256(below);
  return node;
}

HostState with(Manifest manifest) {
  HostState state;
  state.manifest = std::move(manifest);
  return state;
}

TEST(Diff, SaysNothingOfEqualStates) {
  const auto state = with({{"/etc/shop", directory("1")}, {"/etc/shop/a", file("1")}});
  EXPECT_THAT(compare_states(state, state), IsEmpty());
}

TEST(Diff, LeavesOutDirectoriesThatDifferOnlyInWhatIsBelowThem) {
  const auto from = with({{"/etc/shop", directory("1")},
                          {"/etc/shop-b", file("1")},
                          {"/etc/shop/d", directory("1")},
                          {"/etc/shop/d/a", file("1")},
                          {"/etc/shop/d/gone", file("1")}});
  const auto to = with({{"/etc/shop", directory("2")},
                        {"/etc/shop-b", file("1")},
                        {"/etc/shop/d", directory("2")},
                        {"/etc/shop/d/a", file("2")}});
  EXPECT_THAT(compare_states(from, to),
              ElementsAre(PathChange{"/etc/shop/d/a", "changed", {"content"}},
                          PathChange{"/etc/shop/d/gone", "removed", {}}));
}

TEST(Diff, KeepsADirectoryThatDiffersInItself) {
  const auto from = with({{"/etc/shop", directory("1")}, {"/etc/shop/a", file("1")}});
  const auto to = with({{"/etc/shop", directory("2", 0700)}, {"/etc/shop/a", file("2")}});
  EXPECT_THAT(compare_states(from, to),
              ElementsAre(PathChange{"/etc/shop", "changed", {"content", "mode 0755 -> 0700"}},
                          PathChange{"/etc/shop/a", "changed", {"content"}}));
}

// A socket is listed in its directory and is no entry; nothing below would tell of it.
TEST(Diff, KeepsADirectoryWhoseDifferenceNoEntryTells) {
  const auto from = with({{"/etc/shop", directory("1")}, {"/etc/shop/a", file("1")}});
  const auto to = with({{"/etc/shop", directory("2")}, {"/etc/shop/a", file("1")}});
  EXPECT_THAT(compare_states(from, to),
              ElementsAre(PathChange{"/etc/shop", "changed", {"content"}}));
}

TEST(Diff, SaysWhichNamesAreNoLongerOneFile) {
  auto from = with({{"/srv/a", file("1")}, {"/srv/b", file("1")}, {"/srv/c", file("1")}});
  auto to = from;
  from.snapshot.hard_links = {{"/srv/a", "/srv/b"}};
  EXPECT_THAT(compare_states(from, from), IsEmpty());
  EXPECT_THAT(compare_states(from, to),
              ElementsAre(PathChange{"/srv/a", "changed", {"hard links"}},
                          PathChange{"/srv/b", "changed", {"hard links"}}));
  to.snapshot.hard_links = {{"/srv/a", "/srv/b", "/srv/c"}};
  to.manifest["/srv/a"] = file("2");
  EXPECT_THAT(compare_states(from, to),
              ElementsAre(PathChange{"/srv/a", "changed", {"content", "hard links"}},
                          PathChange{"/srv/b", "changed", {"hard links"}},
                          PathChange{"/srv/c", "changed", {"hard links"}}));
}

TEST(Diff, NamesUnitsAfterPaths) {
  HostState from = with({{"/opt/shop", file("1")}});
  HostState to = with({{"/opt/shop", file("2")}});
  from.snapshot.resources.resize(1);
  to.snapshot.resources.resize(1);
  from.snapshot.resources[0].units = {{"shop.service", true, "enabled", "", {}}};
  to.snapshot.resources[0].units = {{"shop.service", false, "disabled", "", {}}};
  EXPECT_THAT(compare_states(from, to),
              ElementsAre(PathChange{"/opt/shop", "changed", {"content"}},
                          PathChange{"unit shop.service",
                                     "changed",
                                     {"active -> inactive", "enabled -> disabled"}}));
}

}  // namespace
}  // namespace rollback
