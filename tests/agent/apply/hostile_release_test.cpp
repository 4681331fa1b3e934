// SPDX-License-Identifier: Apache-2.0
// Releases in the store, and links on the host, of somebody who means harm: nothing outside of what
// is configured is written.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "protocol/records.h"
#include "tests/agent/apply/engine_fixture.h"
#include "tests/agent/apply/seen_tree.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class HostileRelease : public RollbackTest {
 protected:
  HostileRelease() {
    for (const auto* name : {"evil", "app.conf", "dir/evil"})
      host_.write(std::string("outside/") + name, "outside");
    outside_ = look();
  }
  ~HostileRelease() override {
    EXPECT_EQ(first_difference(look(), outside_), "") << "something outside was changed";
  }
  [[nodiscard]] SeenTree look() const {
    return look_at(host_.path().string(), {"/outside", "/etc/passwd"});
  }
  [[nodiscard]] fs::path app(const std::string& name) const {
    return host_.path() / "etc/app" / name;
  }
  // The host as it is under v3.0.0, with what `spoil` makes of it.
  void record(const std::function<void(HostState&)>& spoil) {
    auto state = capture_now();
    spoil(state);
    state.id = snapshot_id(encode_snapshot(state.snapshot).value());
    state.content_root = content_root(state.snapshot);
    HistoryEntry entry;
    entry.action = HistoryAction::kSnapshot;
    const auto name = RevisionName::of_release(*ReleaseLabel::parse("v3.0.0"), 1);
    const auto recorded = snapshots_->record(state, name, true, clock_.wall(), entry);
    ASSERT_TRUE(recorded) << recorded.error().message;
  }
  void expect_taken_back() {
    const auto record = roll_back("v3.0.0");
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  }

  SeenTree outside_;
};

TEST_F(HostileRelease, WritesNoPathThatIsNotConfigured) {
  for (const auto* path : {"/etc/passwd", "/etc/apple", "/outside/evil", "/"}) {
    SCOPED_TRACE(path);
    record([&](HostState& state) {
      auto& paths = state.snapshot.resources.front().paths;
      Node node = *paths.front().node;
      node.meta.mode = 0700;
      paths = {{path, node}};
    });
    EXPECT_EQ(refused("v3.0.0").code, ErrorCode::kInvalid);
    ASSERT_EQ(first_difference(look(), outside_), "");
    services_.calls.clear();
  }
}

TEST_F(HostileRelease, BringsNoPrivilegeThatIsNotPermitted) {
  record([&](HostState& state) {
    host_.write("etc/app/su", "#!");
    state = capture_now();
    fs::remove(app("su"));
    // Its tree is stored anew with the bit that nobody permitted.
    auto& root = *state.snapshot.resources.front().paths.front().node;
    auto tree = snapshots_->load_tree(root.content).value();
    for (auto& entry : tree.entries)
      if (entry.name == "su") entry.node.meta.mode = 04755;
    ASSERT_TRUE(snapshots_->put_tree(tree));
    root.content = sha256(encode_tree(tree).value());
    root.root = content_root(tree);
  });
  const auto error = refused("v3.0.0");
  EXPECT_EQ(error.code, ErrorCode::kDenied);
  EXPECT_THAT(error.message, HasSubstr("/etc/app/su is setuid"));
}

TEST_F(HostileRelease, ReplacesALinkOfTheHostAndDoesNotFollowIt) {
  host_.write("etc/app/dir/evil", "inside");
  snapshot("v3.0.0");
  fs::remove_all(app("dir"));
  fs::create_directory_symlink(host_.path() / "outside/dir", app("dir"));
  fs::remove(app("app.conf"));
  fs::create_symlink(host_.path() / "outside/app.conf", app("app.conf"));
  expect_taken_back();
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(app("dir"))));
  EXPECT_EQ(host_.read("etc/app/dir/evil"), "inside");
  EXPECT_EQ(host_.read("etc/app/app.conf"), "two");
}

TEST_F(HostileRelease, MakesALinkToAnywhereAndWritesNothingThroughIt) {
  fs::create_directory_symlink(host_.path() / "outside", app("way-out"));
  fs::create_symlink("../../outside/evil", app("way-up"));
  snapshot("v3.0.0");
  fs::remove(app("way-up"));
  fs::remove(app("way-out"));
  host_.write("etc/app/way-out/evil", "inside");
  expect_taken_back();
  EXPECT_TRUE(fs::is_symlink(app("way-out")));
}

}  // namespace
}  // namespace rollback
