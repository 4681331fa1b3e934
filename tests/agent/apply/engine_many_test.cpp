// SPDX-License-Identifier: Apache-2.0
// A release of which much is gone: its files are written by several threads and synced at once.
#include <linux/magic.h>

#include <cerrno>

#include "tests/agent/apply/engine_fixture.h"
#include "tests/support/faulty_syscalls.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int kDirectories = 300;  // more than are synced one by one

class ManyTest : public RollbackTest {
 protected:
  ManyTest() {
    for (int i = 0; i < kDirectories; ++i)
      host_.write(name(i), "content " + std::to_string(i % 100));
    snapshot("v3.0.0");
    recorded_ = capture_now().content_root;
    fs::remove_all(many());
    calls_.file_system = EXT4_SUPER_MAGIC;
    calls_.answer = [this](std::string_view call) {
      return call == "syncfs" && ++syncs_ == failing_ ? -EIO : 0;
    };
    root_ = host_.open(calls_);
    state_ = *root_.open_directory("state");
    restart_agent();
  }
  ~ManyTest() override {  // these use `calls_`
    engine_.reset();
    root_ = {};
    state_ = {};
  }
  static std::string name(int i) { return "etc/app/many/" + std::to_string(i) + "/file"; }
  [[nodiscard]] fs::path many() const { return host_.path() / "etc/app/many"; }

  FaultySyscalls calls_{kernel_};
  int syncs_ = 0;
  int failing_ = 0;  // the first is 1
  Digest recorded_;
};

TEST_F(ManyTest, ComesBackWhole) {
  const auto record = roll_back("v3.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(capture_now().content_root, recorded_);
  EXPECT_EQ(host_.read(name(299)), "content 99");
  EXPECT_EQ(syncs_, 2);  // of the stage, of the commit
  expect_clean();
}

TEST_F(ManyTest, IsRefusedWhenTheStageDoesNotReachTheDisk) {
  failing_ = 1;
  const auto prepared = engine_->prepare(order("v3.0.0"), watcher_);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::kIo);
  EXPECT_THAT(prepared.error().message, HasSubstr("sync the file system of"));
  EXPECT_EQ(syncs_, 1);
  EXPECT_FALSE(fs::exists(many()));
  expect_clean();
}

TEST_F(ManyTest, GoesBackWhenTheCommitDoesNotReachTheDisk) {
  failing_ = 2;
  const auto record = roll_back("v3.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_FALSE(fs::exists(many()));
  EXPECT_EQ(syncs_, 3);  // of the stage, of the commit, of the undo
  expect_two();
  expect_clean();
}

TEST_F(ManyTest, NamesWhatTheStoreLacks) {
  // A release recorded without the contents of its files.
  host_.write(name(0), "never stored");
  TreeSink sink;
  const auto state = capture(root_, resources_, sink, readers_, {});
  ASSERT_TRUE(state);
  for (auto& tree : sink.take()) ASSERT_TRUE(snapshots_->put_tree(sha256(tree), tree));
  HistoryEntry entry;
  entry.action = HistoryAction::kSnapshot;
  const auto revision = RevisionName::of_release(*ReleaseLabel::parse("v4.0.0"), 1);
  ASSERT_TRUE(snapshots_->record(*state, revision, true, clock_.wall(), entry));
  fs::remove_all(many());
  const auto error = refused("v4.0.0");
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("lacks contents of v4.0.0: /etc/app/many/0/file;"));
}

}  // namespace
}  // namespace rollback
