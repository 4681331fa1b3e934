// SPDX-License-Identifier: Apache-2.0
// Random trees, recorded, changed, and taken back by the engine as an operator would. What is there
// afterwards is looked at with plain system calls.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/agent/apply/engine_fixture.h"
#include "tests/agent/apply/gardener.h"
#include "tests/agent/apply/seen_tree.h"
#include "tests/agent/apply/tree_resource.h"

namespace rollback {
namespace {

constexpr int kTurns = 500;        // of four trees each
constexpr int kTurnsOfAHost = 25;  // its history is read at each run, so it is not to grow long

const std::vector<std::string> kTops = {"/etc/app", "/etc/web", "/opt/app", "/srv/app"};

// A host that manages four trees, each a resource of its own; hard links go across them.
class TreeHost final : public RollbackTest {
 public:
  explicit TreeHost(std::uint64_t seed)
      : dice_(seed), gardener_(host_.path().string(), kTops, {"/etc/app/suid"}, dice_) {
    host_.write("etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n");
    host_.write("etc/group", "root:x:0:\napp:x:1000:\n");
    for (const auto* above : {"opt", "srv"})
      std::filesystem::create_directory(host_.path() / above);
    options_.resources.clear();
    resources_.clear();
    for (const auto& top : kTops) {
      ResourceSpec spec;
      spec.name = top.substr(1, 3) + "-" + top.substr(5);
      spec.paths = {top};
      if (top == "/etc/app") spec.allow_setuid = {"/etc/app/suid"};
      spec.where = "agent.yaml:1";
      options_.resources.push_back(spec);
      resources_.push_back(std::make_unique<TreeResource>(spec));
    }
    options_.health.clear();
    probe_.name = "http";
    options_.health.push_back(probe_);
    restart_agent();
  }
  void TestBody() override {}

  // Trees are recorded, made others, and taken back.
  void turn(int number) {
    const auto release = "v" + std::to_string(number) + ".0.0";
    gardener_.grow();
    const SeenTree recorded = look();
    const auto state = capture_now();
    snapshot(release);
    gardener_.change();
    const SeenTree changed = look();
    const bool red = dice_.below(8) == 0;
    const auto run = go(RunKind::kRollback, release, recorded, changed, red);
    if (run.empty()) return;
    if (changed.empty() && state.left_out.empty()) {
      EXPECT_EQ(capture_now().id, state.id);
    }
    const SeenTree restored = look();
    if (dice_.below(4) == 0) (void)go(RunKind::kUndo, "run:" + run, changed, restored, false);
  }

 private:
  SeenTree look() const { return look_at(host_.path().string(), kTops); }

  // The run's id; "" when nothing was done.
  std::string go(RunKind kind, const std::string& to, const SeenTree& wanted, const SeenTree& live,
                 bool red) {
    const Expectation expected(wanted, live);
    auto asked = order(to);
    asked.kind = kind;
    const auto prepared = engine_->prepare(asked, watcher_);
    if (!prepared) {
      EXPECT_TRUE(expected.is_refused()) << prepared.error().message;
      EXPECT_EQ(first_difference(look(), live), "");
      return "";
    }
    EXPECT_FALSE(expected.is_refused() && !prepared->plan.empty());
    if (prepared->plan.empty()) {
      EXPECT_EQ(expected.unmet(look()), "");
      return "";
    }
    prober_.green = [&] { return !red || watcher_.events.back().phase == RunPhase::kUndoing; };
    const auto record = engine_->commit(asked.run, prepared->plan_digest, watcher_);
    prober_.green = [] { return true; };
    if (!record) {
      ADD_FAILURE() << record.error().message;
      return "";
    }
    for (const auto& finding : record->findings)
      if (!red) ADD_FAILURE() << finding;
    EXPECT_EQ(record->outcome, red ? RunOutcome::kRestored : RunOutcome::kSucceeded);
    EXPECT_EQ(red ? first_difference(look(), live) : expected.unmet(look()), "");
    expect_clean();
    return red ? "" : asked.run.str();
  }

  ProbeSpec probe_;
  SeededRandom dice_;
  Gardener gardener_;
};

TEST(Fidelity, RandomTreesComeBackAsTheyWere) {
  if (::geteuid() != 0) GTEST_SKIP() << "owners and devices need root";
  // Syncing costs nothing in memory, and nothing here is about a power cut.
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  const auto seed = seed_of_this_run();
  std::unique_ptr<TreeHost> host;
  for (int turn = 1; turn <= kTurns && !testing::Test::HasFailure(); ++turn) {
    SCOPED_TRACE("turn " + std::to_string(turn));
    if (turn % kTurnsOfAHost == 1)
      host = std::make_unique<TreeHost>(seed + static_cast<std::uint64_t>(turn));
    host->turn(turn);
  }
}

}  // namespace
}  // namespace rollback
