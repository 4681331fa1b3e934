// SPDX-License-Identifier: Apache-2.0
// Whole runs on a real file system and a real store; units and probes are fakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <stdexcept>
#include <utility>

#include "agent/apply/recovery.h"
#include "agent/apply/rollback.h"
#include "model/exit_code.h"
#include "tests/agent/apply/apply_support.h"
#include "tests/support/fake_clock.h"

namespace rollback {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FakeProber final : public Prober {
 public:
  std::vector<ProbeResult> round(const std::vector<ProbeSpec>& specs) override {
    std::vector<ProbeResult> results;
    for (const auto& spec : specs)
      results.push_back({spec.name, green(), spec.required, green() ? "HTTP 200" : "HTTP 502", {}});
    return results;
  }
  std::function<bool()> green = [] { return true; };
};

class StoreSink final : public ContentSink {
 public:
  StoreSink(BlobStore& blobs, SnapshotStore& snapshots) : blobs_(blobs), snapshots_(snapshots) {}
  Result<Digest> put_content(std::string_view bytes) override { return blobs_.put(bytes); }
  Status put_tree(const Tree& tree) override { return snapshots_.put_tree(tree); }

 private:
  BlobStore& blobs_;
  SnapshotStore& snapshots_;
};

// Time passes while somebody waits. `crash_at`: leaves the run there as a crash would.
class Watcher final : public RunListener {
 public:
  explicit Watcher(FakeClock& clock) : clock_(clock) {}
  void on_event(const RunId&, const RunEvent& event) override {
    events.push_back(event);
    if (crash_at && event.phase == *crash_at) throw std::runtime_error("crash");
  }
  bool wait(BootTime until) override {
    if (until > clock_.boot()) clock_.advance(until - clock_.boot());
    return false;
  }
  std::vector<RunEvent> events;
  std::optional<RunPhase> crash_at;

 private:
  FakeClock& clock_;
};

class RollbackTest : public ::testing::Test {
 protected:
  RollbackTest() {
    host_.write("etc/app/app.conf", "one");
    host_.write("etc/app/only-one", "1");
    host_.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    host_.write("etc/group", "root:x:0:\n");
    std::filesystem::create_directories(host_.path() / "state");
    root_ = host_.open(kernel_);
    state_ = *root_.open_directory("state");
    auto opened = Database::open(store_dir_.path() / "db");
    if (!opened) throw std::runtime_error(opened.error().message);
    database_ = *std::move(opened);
    blobs_ = std::make_unique<BlobStore>(*database_);
    snapshots_ = std::make_unique<SnapshotStore>(*database_, *blobs_);
    runs_ = std::make_unique<RunStore>(*database_);
    services_.add("app.service", true);
    auto app = std::make_unique<AppResource>(&services_, std::vector<std::string>{"app.service"});
    app->root = host_.path();
    resources_.push_back(std::move(app));
    options_.resources = app_specs();
    options_.resources[0].restart_on = {"app.service"};
    ProbeSpec probe;
    probe.name = "http";
    options_.health = {probe};
    options_.gate.soak = std::chrono::seconds(1);
    options_.gate.window = std::chrono::seconds(5);
    snapshot("v1.0.0");
    host_.write("etc/app/app.conf", "two");
    host_.write("etc/app/only-two", "2");
    std::filesystem::remove(host_.path() / "etc/app/only-one");
    snapshot("v2.0.0");
    restart_agent();
  }

  void restart_agent() {
    engine_.reset();
    engine_ = std::make_unique<RollbackEngine>(
        RunDeps{root_, state_, "/state", options_, resources_, *snapshots_, *blobs_, *runs_,
                readers_, services_, programs_, prober_, clock_, random_});
  }

  HostState capture_now() {
    StoreSink sink(*blobs_, *snapshots_);
    auto state = capture(root_, resources_, sink, readers_, {});
    if (!state) throw std::runtime_error(state.error().message);
    return *std::move(state);
  }
  void snapshot(const std::string& release) {
    HistoryEntry entry;
    entry.action = HistoryAction::kSnapshot;
    const auto label = *ReleaseLabel::parse(release);
    const auto recorded = snapshots_->record(capture_now(), RevisionName::of_release(label, 1),
                                             true, clock_.wall(), entry);
    if (!recorded) throw std::runtime_error(recorded.error().message);
  }

  PrepareOrder order(const std::string& to) {
    PrepareOrder result;
    result.run = RunId::make(random_);
    result.to = to;
    result.actor = "root (uid 0)";
    return result;
  }
  Result<RunRecord> roll_back(const std::string& to) {
    const auto asked = order(to);
    ROLLBACK_ASSIGN(const auto prepared, engine_->prepare(asked, watcher_));
    return engine_->commit(asked.run, prepared.plan_digest, watcher_);
  }
  // Refused, and nothing is left of it.
  Error refused(const std::string& to) {
    const auto before = capture_now().content_root;
    const auto prepared = engine_->prepare(order(to), watcher_);
    EXPECT_FALSE(prepared);
    EXPECT_EQ(capture_now().content_root, before);
    expect_clean();
    EXPECT_THAT(services_.calls, ElementsAre());
    return prepared ? Error{} : prepared.error();
  }
  void expect_clean() {
    EXPECT_FALSE(engine_->holder());
    EXPECT_FALSE(std::filesystem::exists(host_.path() / ".rollback"));
    EXPECT_FALSE(std::filesystem::exists(host_.path() / "state/journal"));
  }
  void expect_one() {
    EXPECT_EQ(host_.read("etc/app/app.conf"), "one");
    EXPECT_EQ(host_.read("etc/app/only-one"), "1");
    EXPECT_FALSE(std::filesystem::exists(host_.path() / "etc/app/only-two"));
  }
  void expect_two() {
    EXPECT_EQ(host_.read("etc/app/app.conf"), "two");
    EXPECT_EQ(host_.read("etc/app/only-two"), "2");
    EXPECT_FALSE(std::filesystem::exists(host_.path() / "etc/app/only-one"));
  }

  KernelSyscalls kernel_;
  TempDirectory host_, store_dir_;
  Directory root_, state_;
  FakeClock clock_;
  SeededRandom random_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<SnapshotStore> snapshots_;
  std::unique_ptr<RunStore> runs_;
  ReadPool readers_{2};
  FakeServices services_;
  NoPrograms programs_;
  FakeProber prober_;
  AgentOptions options_;
  std::vector<std::unique_ptr<Resource>> resources_;
  Watcher watcher_{clock_};
  std::unique_ptr<RollbackEngine> engine_;
};

TEST_F(RollbackTest, EndsOnTheTargetVerified) {
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(record->exit_code, static_cast<int>(ExitCode::kDone));
  EXPECT_TRUE(record->changed);
  EXPECT_EQ(record->from, "v2.0.0");
  EXPECT_THAT(record->findings, ElementsAre());
  expect_one();
  expect_clean();
  EXPECT_THAT(services_.calls, ElementsAre("stop app.service", "start app.service"));
  const auto history = snapshots_->history();
  ASSERT_TRUE(history);
  EXPECT_EQ(history->back().run, record->id.str());
  EXPECT_EQ(history->back().outcome, RunOutcome::kSucceeded);
}

TEST_F(RollbackTest, CanBeUndoneFromWhatItReplaced) {
  host_.write("etc/app/app.conf", "an edit nobody recorded");
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  expect_one();
  const auto undone = roll_back("run:" + record->id.str());
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(undone->outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "an edit nobody recorded");
}

TEST_F(RollbackTest, ChangesNothingOnTheTarget) {
  ASSERT_TRUE(roll_back("v1.0.0"));
  services_.calls.clear();
  const auto again = roll_back("v1.0.0");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->outcome, RunOutcome::kSucceeded);
  EXPECT_FALSE(again->changed);
  EXPECT_THAT(services_.calls, ElementsAre());
  expect_clean();
}

TEST_F(RollbackTest, GoesBackToItsOriginWhenTheGateIsRed) {
  prober_.green = [this] { return host_.read("etc/app/app.conf") == "two"; };
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  EXPECT_EQ(record->exit_code, static_cast<int>(ExitCode::kRestored));
  EXPECT_THAT(record->findings, Contains(HasSubstr("HTTP 502")));
  expect_two();
  expect_clean();
  EXPECT_THAT(services_.calls, ElementsAre("stop app.service", "start app.service",
                                           "stop app.service", "start app.service"));
}

TEST_F(RollbackTest, GoesBackToAnOriginThatWasRedItself) {
  prober_.green = [] { return false; };
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kRestored);
  expect_two();
}

TEST_F(RollbackTest, SaysWhatIsInconsistent) {
  services_.fails_to_start = "app.service";
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kInconsistent);
  EXPECT_EQ(record->exit_code, static_cast<int>(ExitCode::kInconsistent));
  EXPECT_THAT(record->findings, Contains(HasSubstr("app.service is inactive")));
  expect_two();
}

TEST_F(RollbackTest, RefusesAnUnknownRelease) {
  EXPECT_EQ(refused("v9.9.9").code, ErrorCode::kNotFound);
}

TEST_F(RollbackTest, RefusesAReleaseWithAMissingContent) {
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(sha256("one").view()), std::nullopt}},
                               Durability::kSynced));
  const auto error = refused("v1.0.0");
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("/etc/app/app.conf"));
}

TEST_F(RollbackTest, RefusesAReleaseWithABrokenContent) {
  ASSERT_TRUE(database_->write({{Table::kBlobs, std::string(sha256("one").view()), "garbage"}},
                               Durability::kSynced));
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("/etc/app/app.conf"));
}

TEST_F(RollbackTest, RefusesAConfigurationThatWouldNotBeValid) {
  host_.write("etc/app/invalid", "");
  snapshot("v3.0.0");
  std::filesystem::remove(host_.path() / "etc/app/invalid");
  EXPECT_THAT(refused("v3.0.0").message, HasSubstr("invalid is there"));
}

TEST_F(RollbackTest, TakesABrokenCurrentConfigurationAsNoObstacle) {
  host_.write("etc/app/invalid", "");
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->outcome, RunOutcome::kSucceeded);
}

TEST_F(RollbackTest, RefusesWhileAProbeForBeforeIsRed) {
  options_.health[0].before = true;
  prober_.green = [] { return false; };
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("HTTP 502"));
}

TEST_F(RollbackTest, RefusesADirectoryThatHoldsWhatIsNotManaged) {
  std::filesystem::create_directories(host_.path() / "etc/app/new/.rollback");
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("/etc/app/new/.rollback"));
}

TEST_F(RollbackTest, CommitsNothingOnAHostThatChangedSince) {
  const auto asked = order("v1.0.0");
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared);
  host_.write("etc/app/only-two", "edited");
  const auto record = engine_->commit(asked.run, prepared->plan_digest, watcher_);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, ErrorCode::kConflict);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "two");
  expect_clean();
}

TEST_F(RollbackTest, CommitsNoOtherPlan) {
  const auto asked = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  EXPECT_FALSE(engine_->commit(asked.run, sha256("another"), watcher_));
  expect_two();
}

TEST_F(RollbackTest, HoldsTheHostWhilePrepared) {
  const auto first = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(first, watcher_));
  const auto second = engine_->prepare(order("v1.0.0"), watcher_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_THAT(second.error().message, HasSubstr(first.run.str()));
  ASSERT_TRUE(engine_->forget(first.run));
  expect_clean();
}

TEST_F(RollbackTest, ForgetsAfterTheLease) {
  auto asked = order("v1.0.0");
  asked.lease = std::chrono::minutes(15);
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  ASSERT_TRUE(engine_->forget_expired());
  EXPECT_TRUE(engine_->holder());
  clock_.advance(std::chrono::minutes(16));
  ASSERT_TRUE(engine_->forget_expired());
  expect_clean();
  expect_two();
}

TEST_F(RollbackTest, LeavesNothingBehindAfterADryRun) {
  auto asked = order("v1.0.0");
  asked.dry_run = true;
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_TRUE(prepared) << prepared.error().message;
  EXPECT_FALSE(prepared->plan.empty());
  expect_clean();
  expect_two();
  EXPECT_FALSE(runs_->find(asked.run.str()));
}

TEST_F(RollbackTest, ForgetsAPreparedRunAfterACrash) {
  const auto asked = order("v1.0.0");
  ASSERT_TRUE(engine_->prepare(asked, watcher_));
  restart_agent();
  EXPECT_EQ(engine_->holder(), asked.run);
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kForgotten);
  expect_clean();
  expect_two();
}

class CrashedRollback : public RollbackTest, public ::testing::WithParamInterface<RunPhase> {};

TEST_P(CrashedRollback, IsTakenBackWithItsUnits) {
  watcher_.crash_at = GetParam();
  EXPECT_THROW((void)roll_back("v1.0.0"), std::runtime_error);
  watcher_.crash_at.reset();
  restart_agent();
  ASSERT_TRUE(recover_files(root_, state_));
  expect_two();
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kRestored);
  EXPECT_EQ((*record)->exit_code, static_cast<int>(ExitCode::kRestored));
  EXPECT_EQ(services_.units["app.service"].active_state, "active");
  expect_clean();
  const auto nothing = engine_->finish_interrupted(watcher_);
  EXPECT_TRUE(nothing && !*nothing);
}

INSTANTIATE_TEST_SUITE_P(AtEachPhase, CrashedRollback,
                         ::testing::Values(RunPhase::kQuiescing, RunPhase::kCommitting,
                                           RunPhase::kActivating, RunPhase::kGating,
                                           RunPhase::kVerifying));

TEST_F(RollbackTest, IsConfirmedAfterACrashBehindItsVerification) {
  watcher_.crash_at = RunPhase::kVerified;
  EXPECT_THROW((void)roll_back("v1.0.0"), std::runtime_error);
  watcher_.crash_at.reset();
  restart_agent();
  const auto record = engine_->finish_interrupted(watcher_);
  ASSERT_TRUE(record && *record) << record.error().message;
  EXPECT_EQ((*record)->outcome, RunOutcome::kSucceeded);
  expect_one();
  expect_clean();
  const auto undone = roll_back("run:" + (*record)->id.str());
  ASSERT_TRUE(undone) << undone.error().message;
  expect_two();
}

TEST_F(RollbackTest, KeepsWhatSomebodyElseWroteDuringTheGate) {
  bool written = false;
  prober_.green = [&] {
    if (host_.read("etc/app/app.conf") != "one") return true;  // before the commit
    if (!std::exchange(written, true)) {
      host_.write("etc/new", "renewed meanwhile");
      std::filesystem::rename(host_.path() / "etc/new", host_.path() / "etc/app/app.conf");
    }
    return false;
  };
  const auto record = roll_back("v1.0.0").value();
  EXPECT_EQ(record.outcome, RunOutcome::kRestored);
  EXPECT_EQ(host_.read("etc/app/app.conf"), "two");
  EXPECT_THAT(record.findings, Contains(HasSubstr("kept-" + record.id.str())));
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(host_.path()))
    if (entry.path().extension() == ".found")
      found.push_back(host_.read(std::filesystem::relative(entry.path(), host_.path()).string()));
  EXPECT_THAT(found, ElementsAre("renewed meanwhile"));
}

TEST_F(RollbackTest, RefusesToWriteOverWhatIsNotManaged) {
  host_.write("etc/app/app.conf", "three");
  std::filesystem::remove(host_.path() / "etc/app/only-two");
  ASSERT_EQ(mkfifo((host_.path() / "etc/app/only-one").c_str(), 0600), 0);
  EXPECT_THAT(refused("v1.0.0").message, HasSubstr("/etc/app/only-one"));
}

}  // namespace
}  // namespace rollback
