// SPDX-License-Identifier: Apache-2.0
// The store after the death of its process at any system call of an import.
#include <gmock/gmock.h>

#include <filesystem>
#include <optional>

#include "tests/agent/store/archive_fixture.h"
#include "tests/agent/store/traced_child.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;

TEST(ArchiveCrash, LeavesTheOlderReleaseWholeAndNoHalfOneAtEveryCall) {
  TempDirectory directory;
  const std::string original = directory.path() / "original";
  const std::string copy = directory.path() / "copy";
  const Sample older = make_sample({{"a", "older"}});
  const Sample newer = make_sample({{"a", "newer"}, {"b", std::string(9'000, 'n')}});
  std::string archive;
  {
    StoreOfHost other(directory.path() / "other");
    archive = other.exported(other.record(newer, "v2.0.0").value()).value();
    ASSERT_TRUE(StoreOfHost(original).record(older, "v1.0.0"));
  }
  std::size_t with_newer = 0;
  Trace trace;
  for (std::size_t point = 0; !trace.finished; ++point) {
    SCOPED_TRACE("killed before call " + std::to_string(point));
    fs::remove_all(copy);
    fs::copy(original, copy, fs::copy_options::recursive);
    std::optional<StoreOfHost> dying;
    trace =
        run_and_kill([&] { dying.emplace(copy); }, [&] { (void)dying->import(archive); }, point);
    StoreOfHost store(copy);
    const auto revisions = store.snapshots.revisions().value();
    ASSERT_EQ(store.snapshots.history().value().size(), revisions.size());
    ASSERT_THAT(revisions.size(), testing::AnyOf(1U, 2U));
    for (const auto& revision : revisions) {
      const auto state = store.snapshots.load_state(revision.snapshot);
      ASSERT_TRUE(state) << state.error().message;
      EXPECT_TRUE(missing_paths(*state, store.blobs).empty());
    }
    with_newer += revisions.size() == 2 ? 1 : 0;
    ASSERT_TRUE(store.import(archive));
    EXPECT_EQ(store.snapshots.revisions().value().size(), 2U);
  }
  EXPECT_GT(trace.calls.size(), 5U);
  EXPECT_GE(with_newer, 1U);
  EXPECT_LT(with_newer, trace.calls.size());
}

}  // namespace
}  // namespace rollback
