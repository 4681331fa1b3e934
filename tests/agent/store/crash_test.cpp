// SPDX-License-Identifier: Apache-2.0
// The store after the death of its process at any system call of the capturing thread.
#include <gmock/gmock.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>

#include "tests/agent/store/sample_state.h"
#include "tests/agent/store/traced_child.h"
#include "tests/support/temp_directory.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;

struct Stores {
  std::unique_ptr<Database> database;
  BlobStore blobs;
  SnapshotStore snapshots;
  explicit Stores(const std::string& path)
      : database(Database::open(path).value()), blobs(*database), snapshots(*database, blobs) {}

  Status capture(const Sample& sample, const std::string& label) {
    ROLLBACK_TRY(put_contents(sample, snapshots, blobs));
    ROLLBACK_TRY(
        snapshots.record(sample.state, sample_release(label), true, WallTime{1}, HistoryEntry{}));
    return {};
  }
};

class Crash : public testing::Test {
 protected:
  TempDirectory directory_;
  const Sample older_ = make_sample({{"a", "older"}, {"b", std::string(9'000, 'o')}});
  const Sample newer_ = make_sample({{"a", "newer"}, {"b", std::string(9'000, 'n')}});
  std::string original_ = directory_.path() / "original";
  std::string copy_ = directory_.path() / "copy";

  void SetUp() override { ASSERT_TRUE(Stores(original_).capture(older_, "v1.0.0")); }

  Trace capture_and_die(std::size_t kill_before) {
    fs::remove_all(copy_);
    fs::copy(original_, copy_, fs::copy_options::recursive);
    std::optional<Stores> stores;
    return run_and_kill([&] { stores.emplace(copy_); },
                        [&] { (void)stores->capture(newer_, "v2.0.0"); }, kill_before);
  }

  static void expect_whole(Stores& stores, const Revision& revision, const Sample& sample) {
    const auto state = stores.snapshots.load_state(revision.snapshot);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(state->manifest, sample.state.manifest);
    for (const auto& [path, node] : state->manifest) {
      if (node.kind != NodeKind::kFile) continue;
      EXPECT_TRUE(stores.blobs.get(node.content)) << path;
    }
  }
};

TEST_F(Crash, LeavesTheOlderRevisionWholeAndNoHalfOneAtEveryCall) {
  Trace trace;
  std::size_t with_newer = 0;
  for (std::size_t point = 0; !trace.finished; ++point) {
    SCOPED_TRACE("killed before call " + std::to_string(point));
    trace = capture_and_die(point);
    Stores stores(copy_);
    const auto revisions = stores.snapshots.revisions().value();
    const auto history = stores.snapshots.history().value();
    ASSERT_THAT(revisions.size(), testing::AnyOf(1U, 2U));
    ASSERT_EQ(history.size(), revisions.size());
    expect_whole(stores, revisions[0], older_);
    if (revisions.size() == 2) {
      expect_whole(stores, revisions[1], newer_);
      EXPECT_EQ(history[1].to, "v2.0.0");
      ++with_newer;
    }
  }
  // Killed too early, killed after the commit point, and not killed all happened.
  EXPECT_GT(trace.calls.size(), 5U);
  EXPECT_GE(with_newer, 1U);
  EXPECT_LT(with_newer, trace.calls.size());
}

TEST_F(Crash, SyncsTheLogAfterTheLastWriteOfARecord) {
  const auto calls = capture_and_die(SIZE_MAX).calls;
  const auto is_sync = [](long call) { return call == SYS_fdatasync || call == SYS_fsync; };
  const auto last_write = std::find(calls.rbegin(), calls.rend(), SYS_write);
  ASSERT_NE(last_write, calls.rend());
  EXPECT_TRUE(std::any_of(calls.rbegin(), last_write, is_sync));
}

}  // namespace
}  // namespace rollback
