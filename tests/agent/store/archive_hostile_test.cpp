// SPDX-License-Identifier: Apache-2.0
// Archives that are damaged, cut short, newer, or made by somebody who means harm: refused whole.
#include <gmock/gmock.h>

#include "tests/agent/store/archive_fixture.h"

namespace rollback {
namespace {

using testing::HasSubstr;

class HostileArchive : public testing::Test {
 protected:
  // Two stores for the whole suite: opening one costs more than most tests do, and a refused
  // archive must leave it as it was anyway.
  static void SetUpTestSuite() {
    directory_ = std::make_unique<TempDirectory>();
    StoreOfHost from(directory_->path() / "from");
    const Sample sample = make_sample({{"a", "hello"}, {"b", "world"}});
    archive_ = from.exported(from.record(sample, "v1.0.0").value()).value();
    store_ = std::make_unique<StoreOfHost>(directory_->path() / "to");
    ASSERT_TRUE(store_->record(make_sample({{"x", "older"}}), "v0.9.0"));
  }
  static void TearDownTestSuite() {
    store_.reset();
    directory_.reset();
  }
  void TearDown() override {
    to_.permit = [](auto&, auto&) { return Status(); };
  }

  // It is refused, and nothing that can be seen has changed.
  Error refused(std::string_view archive) {
    const auto before = to_.visible();
    const auto imported = to_.import(archive);
    EXPECT_EQ(to_.visible(), before);
    EXPECT_EQ(to_.database->damage(), "");
    EXPECT_FALSE(imported);
    return imported ? Error{} : imported.error();
  }
  Error refused() { return refused(packed_again(records_)); }

  std::size_t at(RecordKind kind) {
    for (std::size_t i = 0; i < records_.size(); ++i)
      if (records_[i].header.kind == kind) return i;
    throw std::out_of_range("no such record");
  }
  void erase(RecordKind kind) {
    records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(at(kind)));
  }
  // All that stands on the contents and trees at the front, for a release with one directory.
  void release_of(const Tree& tree, std::vector<PackRecord> before) {
    release_of(sample_directory(tree), std::move(before));
  }
  void release_of(const Node& root, std::vector<PackRecord> before) {
    Snapshot snapshot;
    snapshot.resources.push_back({ResourceKind::kFiles, "shop", {{"/etc/shop", root}}, {}, {}});
    release_of(snapshot, std::move(before));
  }
  void release_of(const Snapshot& snapshot, std::vector<PackRecord> before) {
    records_ = std::move(before);
    const auto bytes = encode_snapshot(snapshot).value();
    records_.push_back(record_of(RecordKind::kSnapshot, bytes));
    const Revision revision{RevisionName::parse("v1.0.0@1").value(),
                            snapshot_id(bytes),
                            content_root(snapshot),
                            WallTime{1},
                            true,
                            ""};
    records_.push_back(record_of(RecordKind::kRevision, encode_revision(revision).value()));
    records_.push_back(record_of(RecordKind::kHost, "evil"));
  }
  // In place of another name of the same length, with all hashes right.
  void rename_in_snapshot(const std::string& from, const std::string& to) {
    auto& snapshot = records_[at(RecordKind::kSnapshot)];
    auto bytes = snapshot.payload;
    bytes.replace(bytes.find(from), from.size(), to);
    snapshot = record_of(RecordKind::kSnapshot, bytes);
    auto& record = records_[at(RecordKind::kRevision)];
    auto revision = decode_revision(record.payload).value();
    revision.snapshot = snapshot_id(bytes);
    record = record_of(RecordKind::kRevision, encode_revision(revision).value());
  }
  static PackRecord tree_record(const Tree& tree) {
    return record_of(RecordKind::kTree, encode_tree(tree).value());
  }

  inline static std::unique_ptr<TempDirectory> directory_;
  inline static std::unique_ptr<StoreOfHost> store_;
  inline static std::string archive_;
  StoreOfHost& to_ = *store_;
  std::vector<PackRecord> records_ = records_of(archive_);
};

TEST_F(HostileArchive, IsRefusedWhereverItIsCut) {
  for (std::size_t size = 0; size < archive_.size(); ++size) {
    SCOPED_TRACE("cut after " + std::to_string(size));
    (void)refused(archive_.substr(0, size));
  }
}

TEST_F(HostileArchive, IsRefusedWhicheverByteIsFlipped) {
  for (std::size_t i = 0; i < archive_.size(); ++i)
    for (const int mask : {1, 0xff}) {
      SCOPED_TRACE("byte " + std::to_string(i) + " changed by " + std::to_string(mask));
      std::string flipped = archive_;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      (void)refused(flipped);
    }
}

TEST_F(HostileArchive, IsTakenAsItWasMade) {
  StoreOfHost another(directory_->path() / "another");
  EXPECT_TRUE(another.import(archive_));
}

TEST_F(HostileArchive, IsRefusedWithSomethingBehindIt) {
  EXPECT_EQ(refused(archive_ + "\n").code, ErrorCode::kCorrupt);
}

TEST_F(HostileArchive, SaysWhatIsNewer) {
  std::string version = archive_;
  version[16] = 2;
  EXPECT_EQ(refused(version).code, ErrorCode::kUnsupported);
  std::string purpose = archive_;
  purpose[20] = 2;
  EXPECT_EQ(refused(purpose).code, ErrorCode::kUnsupported);
  std::string kind = archive_;
  kind[kArchiveHeaderSize] = 9;
  EXPECT_EQ(refused(kind).code, ErrorCode::kUnsupported);
  for (int bit = 0; bit < 8; ++bit) {
    std::string flags = archive_;
    flags[kArchiveHeaderSize + 1] = static_cast<char>(1 << bit);
    EXPECT_EQ(refused(flags).code, ErrorCode::kUnsupported);
  }
  EXPECT_EQ(refused("#!/bin/sh\nexit 0\n# and some more bytes").code, ErrorCode::kInvalid);
}

TEST_F(HostileArchive, IsBelievedNoLengthBeforeTheBytesCome) {
  for (const auto kind : {RecordKind::kContent, RecordKind::kChunkList, RecordKind::kTree,
                          RecordKind::kHost, RecordKind::kIndex})
    (void)refused(encode_archive_header(PackPurpose::kRelease) +
                  encode_record_header({kind, UINT32_MAX, Digest()}));
  (void)refused(encode_archive_header(PackPurpose::kRelease) +
                encode_record_header({RecordKind::kTree, 60U << 20U, Digest()}) + "short");
}

TEST_F(HostileArchive, IsRefusedWithContentsThatAreNotWhatTheirIdsSay) {
  auto& [header, payload] = records_[0];
  payload = pack_blob("HELLO").value();
  ASSERT_TRUE(to_.blobs.put("hello"));
  EXPECT_EQ(refused().code, ErrorCode::kCorrupt);  // although the store would not need it
  header.id = sha256("nowhere yet");
  EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(to_.blobs.has(header.id).value());
}

TEST_F(HostileArchive, IsRefusedWithABomb) {
  // One zstd frame of 40 MB of zeros in a few KB, and one that says it is small.
  std::string bomb = pack_blob(std::string(40'000'000, '\0')).value();
  records_[0] = {{RecordKind::kContent, 0, sha256("bomb")}, bomb};
  EXPECT_THAT(refused().message, HasSubstr("40000000"));
  bomb.replace(1, 8, std::string("\0\0\0\0\0\0\0\5", 8));
  records_[0].payload = bomb;
  (void)refused();
}

TEST_F(HostileArchive, IsRefusedWithAListThatStandsForAnotherContent) {
  // The binding of a list has no key: anybody can make one for any content.
  const std::string good(kChunkedSize, 'g');
  const auto chunk = content_record(std::string(kChunkedSize, 'e'));
  const Digest wanted = sha256(good);
  const auto list = pack_chunks(wanted, {{chunk.header.id, kChunkedSize}});
  Tree tree;
  Node node = sample_file(good);
  tree.entries.push_back({"a", node});
  release_of(tree, {chunk, {{RecordKind::kChunkList, 0, wanted}, list}, tree_record(tree)});
  EXPECT_THAT(refused().message, HasSubstr("another hash"));
  EXPECT_FALSE(to_.blobs.has(wanted).value());
}

// A sweep does not look for the chunks of what is never cut, and would remove them.
TEST_F(HostileArchive, IsRefusedWithASmallContentThatIsCut) {
  const auto first = content_record("go");
  const auto second = content_record("od");
  const Digest wanted = sha256("good");
  const auto list = pack_chunks(wanted, {{first.header.id, 2}, {second.header.id, 2}});
  Tree tree;
  tree.entries.push_back({"a", sample_file("good")});
  release_of(tree, {first, second, {{RecordKind::kChunkList, 0, wanted}, list}, tree_record(tree)});
  EXPECT_THAT(refused().message, HasSubstr("too small for it"));
}

TEST_F(HostileArchive, IsRefusedWithAListOfWhatIsNotInIt) {
  const Digest wanted = sha256("older");  // in the store, not in the archive
  const auto list = pack_chunks(wanted, {{wanted, kChunkedSize}});
  Tree tree;
  tree.entries.push_back({"a", sample_file("older")});
  release_of(tree, {{{RecordKind::kChunkList, 0, wanted}, list}, tree_record(tree)});
  (void)refused();
}

TEST_F(HostileArchive, IsRefusedWhenAnythingIsMissing) {
  const auto whole = records_;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    SCOPED_TRACE("without record " + std::to_string(i));
    records_ = whole;
    records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
  }
}

TEST_F(HostileArchive, IsRefusedWhenAnythingIsThereTwice) {
  const auto whole = records_;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    SCOPED_TRACE("record " + std::to_string(i) + " twice");
    records_ = whole;
    records_.insert(records_.begin() + static_cast<std::ptrdiff_t>(i), whole[i]);
    EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
  }
}

TEST_F(HostileArchive, IsRefusedOutOfOrder) {
  const auto whole = records_;
  for (std::size_t i = 1; i < whole.size(); ++i) {
    if (whole[i - 1].header.kind == RecordKind::kContent) continue;  // contents come as they like
    SCOPED_TRACE("record " + std::to_string(i) + " before the one before it");
    records_ = whole;
    std::swap(records_[i - 1], records_[i]);
    EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
  }
}

TEST_F(HostileArchive, IsRefusedWithWhatNothingRefersTo) {
  records_.insert(records_.begin(), content_record("stowaway"));
  EXPECT_THAT(refused().message, HasSubstr("does not refer to"));
}

TEST_F(HostileArchive, IsRefusedWithNamesThatLeadOut) {
  for (const auto name : {"..", "/a", "a/", "//", "a\0", "\0a", "./"}) {
    const std::string bad(name, 2);
    SCOPED_TRACE(testing::PrintToString(bad));
    Tree tree;
    tree.entries.push_back({"zz", sample_file("hello")});
    auto record = tree_record(tree);
    record.payload.replace(record.payload.find("zz"), 2, bad);
    record = record_of(RecordKind::kTree, record.payload);
    Node root = sample_directory(tree);
    root.content = record.header.id;
    release_of(root, {content_record("hello"), record});
    const auto error = refused();
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << error.message;
    EXPECT_TRUE(bad != ".." || error.message.find("'..'") != std::string::npos);
  }
}

TEST_F(HostileArchive, IsRefusedWithManagedPathsThatLeadOut) {
  for (const auto path : {"/etc/../x", "/../../ab", "etc//shop", "/etc//sho", "/etc/./ab",
                          "../../abc", "/etc/sh\0p", "/etc/sho/"}) {
    const std::string bad(path, 9);
    SCOPED_TRACE(testing::PrintToString(bad));
    Tree tree;
    tree.entries.push_back({"a", sample_file("hello")});
    release_of(tree, {content_record("hello"), tree_record(tree)});
    rename_in_snapshot("/etc/shop", bad);
    EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
  }
}

// A release that makes a link and then writes through it.
TEST_F(HostileArchive, IsRefusedWithWhatLiesBelowALink) {
  Node link;
  link.kind = NodeKind::kSymlink;
  link.target = "/root";
  link.meta.mode = 0777;
  Snapshot snapshot;
  snapshot.resources.push_back({ResourceKind::kFiles,
                                "shop",
                                {{"/etc/shop", link}, {"/etc/shop.evil", sample_file("hello")}},
                                {},
                                {}});
  release_of(snapshot, {content_record("hello")});
  rename_in_snapshot("/etc/shop.evil", "/etc/shop/evil");
  EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
  Tree tree;  // the same name as a link and as a directory
  tree.entries.push_back({"a", link});
  tree.entries.push_back({"b", sample_file("hello")});
  auto record = tree_record(tree);
  record.payload.replace(record.payload.rfind('b'), 1, "a");
  record = record_of(RecordKind::kTree, record.payload);
  Node root = sample_directory(tree);
  root.content = record.header.id;
  release_of(root, {content_record("hello"), record});
  EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
}

// Sockets, FIFOs and devices have names in a release and no more.
TEST_F(HostileArchive, IsRefusedWithADevice) {
  for (const int kind : {0, 4, 5, 60'000}) {
    Tree tree;
    tree.entries.push_back({"a", sample_file("hello")});
    tree.entries[0].node.kind = static_cast<NodeKind>(kind);
    const auto encoded = encode_tree(tree);
    if (!encoded) continue;  // nobody makes one
    auto record = record_of(RecordKind::kTree, *encoded);
    Node root = sample_directory(Tree{});
    root.content = record.header.id;
    release_of(root, {content_record("hello"), record});
    EXPECT_EQ(refused().code, ErrorCode::kCorrupt) << kind;
  }
}

TEST_F(HostileArchive, IsRefusedWhenADirectoryIsNotWhatItsParentSays) {
  Tree tree;
  tree.entries.push_back({"a", sample_file("hello")});
  Node root = sample_directory(tree);
  root.root = sha256("another root");  // would pass for another release
  release_of(root, {content_record("hello"), tree_record(tree)});
  EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
}

TEST_F(HostileArchive, IsRefusedWhenAFileHasAnotherSize) {
  Tree tree;
  tree.entries.push_back({"a", sample_file("hello")});
  tree.entries[0].node.size = 4;
  release_of(tree, {content_record("hello"), tree_record(tree)});
  EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
}

TEST_F(HostileArchive, IsRefusedWhenItUnfoldsToMoreThanMemoryHolds) {
  std::vector<PackRecord> trees;
  Tree tree;
  for (int level = 0; level < 40; ++level) {
    trees.push_back(tree_record(tree));
    const Node below = sample_directory(tree);
    tree.entries = {{"a", below}, {"b", below}};
  }
  trees.push_back(tree_record(tree));
  release_of(tree, std::move(trees));
  EXPECT_THAT(refused().message, HasSubstr("unfolds"));
}

TEST_F(HostileArchive, IsRefusedWhenItIsDeeperThanAnyHost) {
  std::vector<PackRecord> trees;
  Tree tree;
  for (int level = 0; level < 1100; ++level) {
    trees.push_back(tree_record(tree));
    tree.entries = {{"d", sample_directory(tree)}};
  }
  trees.push_back(tree_record(tree));
  release_of(tree, std::move(trees));
  EXPECT_THAT(refused().message, HasSubstr("deep"));
}

TEST_F(HostileArchive, IsRefusedWithAPathThatIsTooLong) {
  std::vector<PackRecord> trees;
  Tree tree;
  for (int level = 0; level < 300; ++level) {
    trees.push_back(tree_record(tree));
    tree.entries = {{std::string(255, 'd'), sample_directory(tree)}};
  }
  trees.push_back(tree_record(tree));
  release_of(tree, std::move(trees));
  EXPECT_THAT(refused().message, HasSubstr("too long"));
}

TEST_F(HostileArchive, IsRefusedWithHardLinksToNothing) {
  Tree tree;
  tree.entries.push_back({"a", sample_file("hello")});
  Snapshot snapshot;
  snapshot.resources.push_back(
      {ResourceKind::kFiles, "shop", {{"/etc/shop", sample_directory(tree)}}, {}, {}});
  snapshot.hard_links = {{"/etc/shadow", "/etc/shop/a"}};
  release_of(snapshot, {content_record("hello"), tree_record(tree)});
  EXPECT_THAT(refused().message, HasSubstr("/etc/shadow"));
}

TEST_F(HostileArchive, IsRefusedWithMalformedNodes) {
  const auto try_node = [&](const std::function<void(Node&)>& spoil) {
    Tree tree;
    tree.entries.push_back({"a", sample_file("hello")});
    spoil(tree.entries[0].node);
    release_of(tree, {content_record("hello"), tree_record(tree)});
    EXPECT_EQ(refused().code, ErrorCode::kCorrupt);
  };
  try_node([](Node& node) { node.target = "/etc/shadow"; });
  try_node([](Node& node) { node.root = node.content; });
  try_node([](Node& node) { node.user = std::string("ro\0ot", 5); });
  try_node([](Node& node) { node.meta.xattrs[""] = "x"; });
  try_node([](Node& node) { node.content = Digest(); });
  try_node([](Node& node) { node.kind = NodeKind::kSymlink; });
}

TEST_F(HostileArchive, IsRefusedAsTheOriginOfARun) {
  const std::size_t place = at(RecordKind::kRevision);
  auto revision = decode_revision(records_[place].payload).value();
  revision.name = RevisionName::parse("run:0123456789ab").value();
  records_[place] = record_of(RecordKind::kRevision, encode_revision(revision).value());
  (void)refused();
}

TEST_F(HostileArchive, IsRefusedWithWhatThisHostDoesNotPermit) {
  std::vector<std::string> asked;
  to_.permit = [&](const std::string& path, const Node&) -> Status {
    asked.push_back(path);
    if (path == "/etc/shop/b") return fail(ErrorCode::kDenied, path + " is setuid");
    return {};
  };
  EXPECT_EQ(refused().code, ErrorCode::kDenied);
  EXPECT_THAT(asked, testing::Contains("/etc/shop/a"));
}

TEST_F(HostileArchive, IsNotTakenByADamagedStore) {
  StoreOfHost damaged(directory_->path() / "damaged");
  (void)damaged.database->note_damage(Table::kBlobs, "a", "content a: what is stored is damaged");
  const auto before = damaged.visible();
  const auto imported = damaged.import(archive_);
  EXPECT_THAT(imported.error().message, HasSubstr("content a"));
  EXPECT_EQ(damaged.visible(), before);
}

}  // namespace
}  // namespace rollback
