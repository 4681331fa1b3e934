// SPDX-License-Identifier: Apache-2.0
// A release from one store to another.
#include <gmock/gmock.h>

#include "tests/agent/store/archive_fixture.h"
#include "tests/protocol/golden.h"
#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

using testing::HasSubstr;

std::string noise(std::size_t size) {
  SeededRandom random;
  std::string bytes(size, '\0');
  random.fill(reinterpret_cast<std::uint8_t*>(bytes.data()), size);
  return bytes;
}

class Archive : public testing::Test {
 protected:
  TempDirectory directory_;
  StoreOfHost from_{directory_.path() / "from"};
  StoreOfHost to_{directory_.path() / "to"};

  static void expect_same(const StoreOfHost& store, const Revision& revision,
                          const Sample& sample) {
    EXPECT_EQ(revision.snapshot, sample.state.id);
    EXPECT_EQ(revision.content_root, sample.state.content_root);
    const auto state = store.snapshots.load_state(revision.snapshot).value();
    EXPECT_EQ(state.manifest, sample.state.manifest);
    EXPECT_EQ(state.snapshot, sample.state.snapshot);
    for (const auto& [name, content] : sample.files)
      EXPECT_EQ(store.blobs.get(sha256(content)).value(), content) << name;
  }
};

// Everything that a node, a tree and a snapshot can hold.
Sample rich_sample() {
  const std::string big = noise(3U << 20U);
  std::string moved = big;
  moved.insert(1'000'000, "inserted");  // shares most chunks
  Sample sample =
      make_sample({{"a.conf", "listen 80"}, {"big", big}, {"empty", ""}, {"moved", moved}});
  Node link;
  link.kind = NodeKind::kSymlink;
  link.meta.mode = 0777;
  link.target = "/nowhere/at/all";
  sample.outer.entries.push_back({"~dangling", link});
  sample.outer.entries.push_back({"~empty", sample_directory(Tree())});
  sample.outer.entries.push_back({"~\xff\xfe", sample_file("listen 80")});
  auto& first = sample.outer.entries.front().node;
  first.meta.xattrs = {{"security.capability", std::string("\1\0\0\2", 4)}, {"user.x", ""}};
  first.meta.mode = 06755;
  first.meta.mtime_ns = -1;
  sample.outer.special = {"queue", "socket"};
  auto& resource = sample.state.snapshot.resources.front();
  const Node root = sample_directory(sample.outer);
  resource.paths.back().node = root;
  resource.units = {{"shop.service", true, "enabled", "/etc/shop.service", {"/etc/shop"}}};
  resource.facts = {{"version", "2.4.1"}};
  sample.state.snapshot.hard_links = {{"/etc/shop/a.conf", "/etc/shop/~\xff\xfe"}};
  sample.state.id = snapshot_id(encode_snapshot(sample.state.snapshot).value());
  sample.state.content_root = content_root(sample.state.snapshot);
  sample.state.manifest["/etc/shop"] = root;
  for (const auto& entry : sample.outer.entries)
    sample.state.manifest["/etc/shop/" + entry.name] = entry.node;
  return sample;
}

TEST_F(Archive, BringsAReleaseWithAllItHoldsToAnotherStore) {
  const Sample sample = rich_sample();
  ASSERT_TRUE(from_.snapshots.put_tree(Tree()));
  const Revision sent = from_.record(sample, "v2.4.1", true, "3f2a90c1").value();
  const auto archive = from_.exported(sent).value();
  const auto imported = to_.import(archive).value();
  EXPECT_FALSE(imported.recorded.existed);
  EXPECT_EQ(imported.host, "web1");
  EXPECT_EQ(imported.bytes, archive.size());
  EXPECT_EQ(imported.digest, sha256(archive));
  EXPECT_EQ(sha256(std::string_view(archive).substr(0, archive.size() - 32)).view(),
            std::string_view(archive).substr(archive.size() - 32));
  const Revision& got = imported.recorded.revision;
  EXPECT_EQ(got.name.str(), "v2.4.1");
  EXPECT_EQ(got.recorded.ns, sent.recorded.ns);
  EXPECT_EQ(got.git_ref, "3f2a90c1");
  EXPECT_TRUE(got.healthy);
  expect_same(to_, got, sample);
  EXPECT_EQ(to_.exported(got).value(), archive);
}

TEST_F(Archive, StoresWhatIsSharedOnceAndPacksNothingAgain) {
  const Sample sample = rich_sample();
  ASSERT_TRUE(from_.snapshots.put_tree(Tree()));
  const auto archive = from_.exported(from_.record(sample, "v2.4.1").value()).value();
  // Twice the big one would be 6 MiB of noise.
  EXPECT_LT(archive.size(), 4U << 20U);
  for (const auto& record : records_of(archive)) {
    if (record.header.kind != RecordKind::kContent) continue;
    const auto stored = from_.database->get(Table::kBlobs, record.header.id.view());
    EXPECT_EQ(record.payload, stored.value().value());
  }
}

TEST_F(Archive, IsReadByteByByteToo) {
  const Sample sample = make_sample({{"a", "one"}});
  const auto archive = from_.exported(from_.record(sample, "v1.0.0").value()).value();
  expect_same(to_, to_.import(archive, 1).value().recorded.revision, sample);
}

TEST_F(Archive, KeepsTheLabelAndNumbersOtherContentAnew) {
  const Sample here = make_sample({{"a", "as it is here"}});
  const Sample there = make_sample({{"a", "as it is there"}});
  ASSERT_TRUE(to_.record(here, "v1.0.0"));
  const auto archive = from_.exported(from_.record(there, "v1.0.0", false).value()).value();
  const auto first = to_.import(archive).value().recorded;
  EXPECT_EQ(first.revision.name.str(), "v1.0.0@2");
  EXPECT_FALSE(first.revision.healthy);
  const auto again = to_.import(archive).value().recorded;
  EXPECT_TRUE(again.existed);
  EXPECT_EQ(again.revision.name.str(), "v1.0.0@2");
  EXPECT_EQ(to_.snapshots.revisions().value().size(), 2U);
}

TEST_F(Archive, IsNoNewerThanTheMomentOfItsImport) {
  const Sample sample = make_sample({{"a", "one"}});
  Revision sent = from_.record(sample, "v1.0.0").value();
  sent.recorded = WallTime{9'000'000'000};
  const auto got = to_.import(from_.exported(sent).value()).value().recorded.revision;
  EXPECT_EQ(got.recorded.ns, 5'000'000'000);
}

TEST_F(Archive, SaysInTheHistoryWhereItCameFrom) {
  const Sample sample = make_sample({{"a", "one"}});
  ASSERT_TRUE(to_.import(from_.exported(from_.record(sample, "v1.0.0").value()).value()));
  const auto entry = to_.snapshots.history().value().back();
  EXPECT_EQ(entry.to, "v1.0.0");
  EXPECT_EQ(entry.reason, "from /root/v2.rbk (exported by web1)");
}

TEST_F(Archive, OfAStoreThatKnewNoChunksIsCutIntoThem) {
  const std::string large(kMaxArchiveContent + 5, 'x');
  const Sample sample = make_sample({{"large", large}});
  ASSERT_TRUE(from_.database->write(
      {{Table::kBlobs, std::string(sha256(large).view()), pack_blob(large).value()}},
      Durability::kBuffered));
  const Revision sent = from_.record(sample, "v1.0.0").value();
  ASSERT_TRUE(from_.blobs.chunks(sha256(large)).value().empty());
  expect_same(to_, to_.import(from_.exported(sent).value()).value().recorded.revision, sample);
  EXPECT_FALSE(to_.blobs.chunks(sha256(large)).value().empty());
}

TEST_F(Archive, IsNotMadeOfWhatIsDamaged) {
  const Sample sample = make_sample({{"a", "one"}});
  const Revision sent = from_.record(sample, "v1.0.0").value();
  ASSERT_TRUE(from_.database->write(
      {{Table::kBlobs, std::string(sha256("one").view()), pack_blob("two").value()}},
      Durability::kBuffered));
  const auto archive = from_.exported(sent);
  ASSERT_FALSE(archive);
  EXPECT_THAT(archive.error().message, HasSubstr(sha256("one").hex()));
}

TEST_F(Archive, IsNotMadeOfWhatARunReplaced) {
  const Sample sample = make_sample({{"a", "one"}});
  Revision sent = from_.record(sample, "v1.0.0").value();
  sent.name = RevisionName::parse("run:0123456789ab").value();
  EXPECT_EQ(from_.exported(sent).error().code, ErrorCode::kInvalid);
}

TEST_F(Archive, TellsHowFarItIs) {
  const Sample sample = rich_sample();
  ASSERT_TRUE(from_.snapshots.put_tree(Tree()));
  const Revision sent = from_.record(sample, "v2.4.1").value();
  StringSink sink;
  ArchiveProgress last;
  ASSERT_TRUE(export_release(from_.snapshots, from_.blobs, sent, "web1", sink,
                             [&](const ArchiveProgress& now) {
                               EXPECT_GE(now.bytes, last.bytes);
                               last = now;
                             }));
  EXPECT_EQ(last.files, 4U);
  EXPECT_EQ(last.total_files, 4U);
  EXPECT_EQ(last.bytes, last.total_bytes);
}

TEST_F(Archive, SaysAtItsEndWhatItHolds) {
  const Sample sample = rich_sample();
  ASSERT_TRUE(from_.snapshots.put_tree(Tree()));
  const auto archive = from_.exported(from_.record(sample, "v2.4.1").value()).value();
  const auto records = records_of(archive);
  const auto read = [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
    return archive.substr(offset, size);
  };
  const auto summary = summarise_pack(read, archive.size()).value();
  EXPECT_EQ(summary.records, records.size());
  EXPECT_EQ(
      summary.contents,
      static_cast<std::uint64_t>(std::count_if(records.begin(), records.end(), [](const auto& it) {
        return it.header.kind == RecordKind::kContent || it.header.kind == RecordKind::kChunkList;
      })));
  EXPECT_FALSE(summarise_pack(read, archive.size() - 1));
}

// docs/formats/archive.md explains these bytes.
TEST_F(Archive, HasTheDocumentedBytes) {
  Sample sample;
  Node file = sample_file("hello");
  file.meta.mtime_ns = 1'000'000'000;
  sample.files = {{"a", "hello"}};
  sample.outer.entries.push_back({"a", file});
  sample.state.snapshot.resources.push_back(
      {ResourceKind::kFiles, "etc", {{"/etc/a", sample_directory(sample.outer)}}, {}, {}});
  sample.state.id = snapshot_id(encode_snapshot(sample.state.snapshot).value());
  sample.state.content_root = content_root(sample.state.snapshot);
  expect_golden("documented_archive",
                from_.exported(from_.record(sample, "v2.4.1").value()).value());
}

}  // namespace
}  // namespace rollback
