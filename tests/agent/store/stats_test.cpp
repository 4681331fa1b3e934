// SPDX-License-Identifier: Apache-2.0
#include "agent/store/stats.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "agent/store/blob_store.h"
#include "tests/agent/store/sample_state.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

class StoreCountTest : public ::testing::Test {
 protected:
  // A directory with these files, stored; its node.
  Node directory(const std::map<std::string, std::string>& files,
                 const std::map<std::string, Node>& directories = {}) {
    Tree tree;
    std::map<std::string, Node> nodes = directories;
    for (const auto& [name, content] : files) {
      Node node;
      node.size = content.size();
      node.content = blobs_.put(content).value();
      nodes[name] = node;
    }
    for (const auto& [name, node] : nodes) tree.entries.push_back({name, node});
    EXPECT_TRUE(snapshots_.put_tree(tree));
    Node node;
    node.kind = NodeKind::kDirectory;
    node.content = sha256(encode_tree(tree).value());
    node.root = content_root(tree);
    return node;
  }
  void record(const std::string& label, const Node& root) {
    HostState state;
    ResourceSnapshot resource;
    resource.name = "app";
    resource.paths = {{"/srv/app", root}};
    state.snapshot.resources = {resource};
    state.id = snapshot_id(encode_snapshot(state.snapshot).value());
    const auto recorded =
        snapshots_.record(state, RevisionName::parse(label).value(), true, {}, {});
    ASSERT_TRUE(recorded) << recorded.error().message;
  }
  StoreCount::Sizes count() {
    StoreCount count(*database_);
    const auto revisions = snapshots_.revisions().value();
    for (const auto& revision : revisions)
      count.add(revision.name, revision.snapshot,
                snapshots_.load_snapshot(revision.snapshot).value());
    for (;;) {
      const auto more = count.step();
      EXPECT_TRUE(more);
      if (!more || !*more) return count.sizes();
    }
  }
  [[nodiscard]] std::uint64_t stored(Table table, const Digest& digest) const {
    const auto value = database_->get(table, digest.view());
    return value && *value ? (*value)->size() : 0;
  }

  TempDirectory directory_;
  std::unique_ptr<Database> database_ = Database::open(directory_.path() / "db").value();
  BlobStore blobs_{*database_};
  SnapshotStore snapshots_{*database_, blobs_};
};

TEST_F(StoreCountTest, OfAnEmptyStoreIsNothing) {
  const auto sizes = count();
  EXPECT_TRUE(sizes.revisions.empty());
  EXPECT_EQ(sizes.store.stored, 0U);
}

TEST_F(StoreCountTest, TellsWhatEachReleaseHasForItself) {
  record("v1.0.0", directory({{"a", "shared"}, {"b", "only in one"}}));
  record("v2.0.0", directory({{"a", "shared"}, {"c", "shared"}}));
  const auto sizes = count();
  ASSERT_EQ(sizes.revisions.size(), 2U);
  const auto& one = sizes.revisions[0];
  EXPECT_EQ(one.revision, "v1.0.0");
  EXPECT_EQ(one.files, 2U);
  EXPECT_EQ(one.logical, 17U);
  const std::uint64_t shared = stored(Table::kBlobs, sha256("shared"));
  EXPECT_EQ(one.stored - one.unique, shared);
  EXPECT_EQ(sizes.revisions[1].stored - sizes.revisions[1].unique, shared);
  EXPECT_EQ(sizes.store.logical, 17U + 12U);
  EXPECT_EQ(sizes.store.distinct, 17U);
  EXPECT_EQ(sizes.store.contents, 2U);
  EXPECT_EQ(sizes.store.trees, 2U);
  EXPECT_EQ(sizes.store.stored, one.stored + sizes.revisions[1].stored - shared);
  EXPECT_EQ(sizes.store.damaged, 0U);
}

TEST_F(StoreCountTest, CountsADirectoryAsOftenAsItIsThereAndStoresItOnce) {
  const Node below = directory({{"a", "12345"}});
  record("v1.0.0", directory({}, {{"x", below}, {"y", below}}));
  const auto sizes = count();
  EXPECT_EQ(sizes.revisions[0].files, 2U);
  EXPECT_EQ(sizes.revisions[0].logical, 10U);
  EXPECT_EQ(sizes.store.trees, 2U);
  EXPECT_EQ(sizes.store.distinct, 5U);
}

TEST_F(StoreCountTest, LooksIntoLargeContentsForWhatTheyShare) {
  SeededRandom random(7);
  std::string large(3 * kChunkedSize, '\0');
  for (char& byte : large) byte = static_cast<char>(random.below(256));
  std::string changed = large;
  changed[0] = static_cast<char>(changed[0] + 1);
  record("v1.0.0", directory({{"a", large}}));
  record("v2.0.0", directory({{"a", changed}}));
  const auto sizes = count();
  EXPECT_EQ(sizes.store.logical, 2 * large.size());
  EXPECT_LT(sizes.store.distinct, large.size() + kChunkedSize);
  EXPECT_GE(sizes.store.distinct, large.size());
  EXPECT_LT(sizes.revisions[1].unique, kChunkedSize);
}

TEST_F(StoreCountTest, CountsALargeContentOnceWhereverItIs) {
  SeededRandom random(7);
  std::string large(2 * kChunkedSize, '\0');
  for (char& byte : large) byte = static_cast<char>(random.below(256));
  const Node below = directory({}, {{"y", directory({{"deep", large}})}});
  record("v1.0.0", directory({{"a", large}}, {{"x", below}}));
  const auto sizes = count();
  EXPECT_EQ(sizes.store.logical, 2 * large.size());
  EXPECT_EQ(sizes.store.distinct, large.size());
}

TEST_F(StoreCountTest, WhatIsMissingIsSaidAndNotCounted) {
  record("v1.0.0", directory({{"a", "gone"}, {"b", "here"}}));
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(sha256("gone").view()), std::nullopt}},
                               Durability::kSynced));
  const auto sizes = count();
  EXPECT_EQ(sizes.store.damaged, 1U);
  EXPECT_EQ(sizes.revisions[0].files, 2U);
}

TEST_F(StoreCountTest, TwoRevisionsOfOneSnapshotShareAllOfIt) {
  const Node root = directory({{"a", "same"}});
  record("v1.0.0", root);
  record("run:0000000000aa", root);
  const auto sizes = count();
  ASSERT_EQ(sizes.revisions.size(), 2U);
  EXPECT_EQ(sizes.revisions[0].unique, 0U);
  EXPECT_EQ(sizes.revisions[0].stored, sizes.store.stored);
}

}  // namespace
}  // namespace rollback
