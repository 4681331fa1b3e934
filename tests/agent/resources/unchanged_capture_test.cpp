// SPDX-License-Identifier: Apache-2.0
// Captures that remember what the last one saw.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "agent/capture/memory_sink.h"
#include "agent/capture/storing_sink.h"
#include "core/clock.h"
#include "tests/agent/resources/test_host.h"
#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class UnchangedCapture : public testing::Test {
 protected:
  TestHost host_;
  TempDirectory state_;
  std::unique_ptr<Database> database_ = Database::open(state_.path() / "db").value();
  BlobStore blobs_{*database_};
  SnapshotStore snapshots_{*database_, blobs_};
  SystemClock clock_;
  std::vector<std::string> opened_;  // names of files that the last capture opened

  void SetUp() override {
    host_.files.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    host_.files.write("etc/shop/a.conf", "a");
    host_.files.write("etc/shop/b.conf", "b");
    host_.files.write("etc/shop/conf.d/c.conf", "c");
    std::filesystem::create_symlink("a.conf", host_.real("/etc/shop/link"));
    host_.add(ResourceKind::kFiles, "shop", {"/etc/shop"});
    host_.calls.before_open = [this](const std::string& path) {
      if (path.ends_with(".conf")) opened_.push_back(path);
      return 0;
    };
  }

  Result<HostState> capture_at(WallTime now) {
    opened_.clear();
    ReadPool readers(0);
    StoringSink sink(blobs_, snapshots_, now);
    ROLLBACK_ASSIGN(auto state, capture(host_.root, make_resources(host_.specs, host_.platform()),
                                        sink, readers, {}, {.memory = &sink, .manifest = false}));
    ROLLBACK_TRY(sink.remember());
    return state;
  }
  Result<HostState> captured() { return capture_at(clock_.wall()); }
  // As one would be that comes later: what exists now is no longer too new to be believed.
  Result<HostState> captured_later() { return capture_at({clock_.wall().ns + 3'000'000'000}); }
  // Captured twice, so that everything is known, and equal to what reading everything gives.
  void expect_known() {
    ASSERT_TRUE(captured_later());
    const auto again = captured_later();
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_THAT(opened_, IsEmpty());
    expect_true(*again);
  }
  void expect_true(const HostState& state) {
    const auto fresh = host_.captured();
    ASSERT_TRUE(fresh) << fresh.error().message;
    EXPECT_EQ(state.id, fresh->id);
    EXPECT_EQ(state.content_root, fresh->content_root);
  }
  std::vector<std::string> opened_by_next() {
    const auto state = captured_later();
    if (!state) return {state.error().message};
    const auto opened = opened_;
    expect_true(*state);
    return opened;
  }
};

TEST_F(UnchangedCapture, OpensNoFile) { expect_known(); }

TEST_F(UnchangedCapture, ReadsOnlyTheFileThatChanged) {
  expect_known();
  host_.files.write("etc/shop/conf.d/c.conf", "C");
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("c.conf"));
}

TEST_F(UnchangedCapture, IsNotFooledByAModificationTimeThatWasSetBack) {
  expect_known();
  const auto path = host_.real("/etc/shop/a.conf");
  const auto time = std::filesystem::last_write_time(path);
  host_.files.write("etc/shop/a.conf", "A");
  std::filesystem::last_write_time(path, time);
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("a.conf"));
}

TEST_F(UnchangedCapture, SeesMetadataThatChanged) {
  expect_known();
  ASSERT_EQ(::chmod(host_.real("/etc/shop/a.conf").c_str(), 0600), 0);
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("a.conf"));
  ASSERT_EQ(::setxattr(host_.real("/etc/shop/b.conf").c_str(), "user.x", "1", 1, 0), 0);
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("b.conf"));
  ASSERT_EQ(::chmod(host_.real("/etc/shop/conf.d").c_str(), 0700), 0);
  EXPECT_THAT(opened_by_next(), IsEmpty());
  ASSERT_EQ(::lchown(host_.real("/etc/shop/link").c_str(), 1, 1), 0);
  EXPECT_THAT(opened_by_next(), IsEmpty());
}

TEST_F(UnchangedCapture, SeesWhatCameAndWent) {
  expect_known();
  host_.files.write("etc/shop/conf.d/d.conf", "d");
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("d.conf"));
  std::filesystem::remove(host_.real("/etc/shop/a.conf"));
  EXPECT_THAT(opened_by_next(), IsEmpty());
  std::filesystem::remove_all(host_.real("/etc/shop/conf.d"));
  EXPECT_THAT(opened_by_next(), IsEmpty());
  EXPECT_FALSE(snapshots_.scans().find("/etc/shop/conf.d", 0));
  std::filesystem::create_directory(host_.real("/etc/shop/link.d"));
  ASSERT_EQ(::mkfifo(host_.real("/etc/shop/fifo").c_str(), 0600), 0);
  EXPECT_THAT(opened_by_next(), IsEmpty());
}

TEST_F(UnchangedCapture, SeesADirectoryThatAnotherOneReplaced) {
  host_.files.write("etc/other/c.conf", "other");
  expect_known();
  std::filesystem::rename(host_.real("/etc/shop/conf.d"), host_.real("/etc/shop/old"));
  std::filesystem::rename(host_.real("/etc/other"), host_.real("/etc/shop/conf.d"));
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("c.conf", "c.conf"));
}

TEST_F(UnchangedCapture, ReadsAgainWhatWasTooNewToBeBelieved) {
  const auto changed = [&] {
    struct stat now {};
    ASSERT_EQ(::stat(host_.real("/etc/shop/a.conf").c_str(), &now), 0);
    ASSERT_TRUE(capture_at({now.st_ctim.tv_sec * 1'000'000'000 + now.st_ctim.tv_nsec}));
  };
  changed();
  EXPECT_THAT(opened_by_next(), testing::Contains("a.conf"));
  EXPECT_THAT(opened_by_next(), IsEmpty());
}

TEST_F(UnchangedCapture, KnowsAccountsByTheirNamesOfToday) {
  expect_known();
  host_.files.write("etc/passwd", "admin:x:0:0:root:/root:/bin/sh\n");
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("a.conf", "b.conf", "c.conf"));
}

TEST_F(UnchangedCapture, KnowsWhatIsExcludedToday) {
  expect_known();
  host_.specs[0].exclude = {"b.conf"};
  EXPECT_THAT(opened_by_next(), IsEmpty());
  host_.specs[0].exclude = {};
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("b.conf"));
}

TEST_F(UnchangedCapture, AsksAgainWhetherASetuidFileIsAllowed) {
  ASSERT_EQ(::chmod(host_.real("/etc/shop/a.conf").c_str(), 04755), 0);
  host_.specs[0].allow_setuid = {"/etc/shop/a.conf"};
  ASSERT_TRUE(captured_later());
  ASSERT_TRUE(captured_later());
  host_.specs[0].allow_setuid = {};
  const auto state = captured_later();
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message, HasSubstr("/etc/shop/a.conf is setuid"));
}

TEST_F(UnchangedCapture, PutsAgainWhatTheStoreLost) {
  expect_known();
  const auto content = sha256("b");
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(content.view()), std::nullopt},
                                {Table::kMeta, "sweeps", std::string("\0\0\0\0\0\0\0\1", 8)}},
                               Durability::kSynced));
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("b.conf"));
  EXPECT_TRUE(blobs_.has(content).value());
}

TEST_F(UnchangedCapture, CountsHardLinksThatItDoesNotRead) {
  std::filesystem::create_hard_link(host_.real("/etc/shop/a.conf"),
                                    host_.real("/etc/shop/conf.d/a2.conf"));
  expect_known();
  EXPECT_EQ(captured_later()->snapshot.hard_links,
            (std::vector<HardLinkGroup>{{"/etc/shop/a.conf", "/etc/shop/conf.d/a2.conf"}}));
}

TEST_F(UnchangedCapture, CountsEachFileOnceWhenTheTreeOfThenIsLost) {
  std::filesystem::create_hard_link(host_.real("/etc/shop/a.conf"),
                                    host_.real("/etc/shop/a2.conf"));
  expect_known();
  const auto tree = snapshots_.scans().find("/etc/shop", snapshots_.sweeps().value())->tree;
  ASSERT_TRUE(database_->write({{Table::kTrees, std::string(tree.view()), std::nullopt}},
                               Durability::kSynced));
  host_.files.write("etc/shop/new", "new");
  EXPECT_THAT(opened_by_next(), UnorderedElementsAre("a.conf", "a2.conf", "b.conf"));
}

TEST_F(UnchangedCapture, WritesNothingWhenItSawNothingNew) {
  expect_known();
  ReadPool readers(0);
  StoringSink sink(blobs_, snapshots_, {clock_.wall().ns + 3'000'000'000});
  struct Counting final : RememberingSink {
    explicit Counting(StoringSink& real) : inner(real) {}
    std::unique_ptr<ContentWriter> begin_content() override { return inner.begin_content(); }
    Status put_tree(Tree tree, const Digest& id, std::string bytes) override {
      ++trees;
      return inner.put_tree(std::move(tree), id, std::move(bytes));
    }
    std::optional<SeenDirectory> find_seen(const std::string& path) override {
      return inner.find_seen(path);
    }
    std::optional<Tree> find_tree(const Digest& id) override { return inner.find_tree(id); }
    void saw(ScanCache::Row) override { ++rows; }
    [[nodiscard]] WallTime began() const noexcept override { return inner.began(); }
    StoringSink& inner;
    int trees = 0;
    int rows = 0;
  } counting(sink);
  ASSERT_TRUE(capture(host_.root, make_resources(host_.specs, host_.platform()), counting, readers,
                      {}, {.memory = &counting}));
  EXPECT_EQ(counting.trees, 0);
  EXPECT_EQ(counting.rows, 0);
}

// One of the things that happen to a tree.
void change(TestHost& host, SeededRandom& random) {
  const auto name = [&] { return std::string(1, static_cast<char>('a' + random.below(4))); };
  const std::string directory = "/etc/shop/" + name();
  const std::string path = directory + "/" + name();
  std::error_code none;  // what cannot be done is not done
  switch (random.below(8)) {
    case 0:
      std::filesystem::remove_all(host.real(directory));
      return;
    case 1:
      std::filesystem::remove_all(host.real(path), none);
      return;
    case 2:
      (void)::chmod(host.real(path).c_str(), 0600 + static_cast<mode_t>(random.below(8)));
      return;
    case 3:
      std::filesystem::create_directories(host.real(path), none);
      return;
    case 4:
      (void)::symlink(name().c_str(), host.real(path).c_str());
      return;
    case 5:
      (void)::link(host.real(path).c_str(), host.real(directory + "/" + name()).c_str());
      return;
    default:
      std::filesystem::create_directory(host.real(directory), none);
      std::filesystem::remove(host.real(path), none);
      if (none || std::filesystem::exists(std::filesystem::symlink_status(host.real(path)))) return;
      if (!std::filesystem::is_directory(host.real(directory))) return;
      host.files.write(path.substr(1), name());
      return;
  }
}

TEST_F(UnchangedCapture, AlwaysEqualsOneThatReadsEverything) {
  SeededRandom random;
  std::size_t reused = 0;
  for (int turn = 0; turn < 300; ++turn) {
    for (std::uint64_t changes = random.below(3); changes > 0; --changes) change(host_, random);
    const auto state = captured();
    ASSERT_TRUE(state) << state.error().message;
    if (opened_.empty()) ++reused;
    expect_true(*state);
    if (HasFailure()) break;
  }
  EXPECT_GT(reused, 0U);
}

TEST(CaptureMemory, LetsGoOfWhatIsTooMuch) {
  CaptureMemory memory;
  MemorySink sink(memory, {});
  ASSERT_TRUE(sink.put_tree({}, sha256("a"), "tree"));
  memory.bound(4);
  EXPECT_EQ(memory.trees.size(), 1U);
  sink.saw({"/etc", {}, {}});
  EXPECT_TRUE(sink.find_seen("/etc"));
  memory.bound(4);
  EXPECT_TRUE(memory.trees.empty() && memory.seen.empty());
}

TEST(CaptureMemory, TakesNoMoreOnceItIsClosed) {
  CaptureMemory memory;
  MemorySink sink(memory, {});
  ASSERT_TRUE(sink.put_tree({}, sha256("a"), "tree"));
  memory.closed = true;
  ASSERT_TRUE(sink.put_tree({}, sha256("b"), "tree"));
  sink.saw({"/etc", {}, {}});
  EXPECT_EQ(memory.trees.size(), 1U);
  EXPECT_FALSE(sink.find_seen("/etc"));
}

}  // namespace
}  // namespace rollback
