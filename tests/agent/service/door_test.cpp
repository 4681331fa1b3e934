// SPDX-License-Identifier: Apache-2.0
// The door with a real engine, real stores and a real socket; only units and probes are fakes.
#include "agent/service/door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "agent/service/agent.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "tests/agent/apply/apply_support.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class GreenProber final : public Prober {
 public:
  std::vector<ProbeResult> round(const std::vector<ProbeSpec>&) override { return {}; }
};

const Principal kRoot{Role::kOperator, "root (uid 0)", 0, ""};
const Principal kNobody{Role::kStranger, "uid 65534", 65534, ""};
const Principal kCoordinator{Role::kCoordinator, "coordinator", 0, "key"};

class DoorTest : public ::testing::Test {
 protected:
  DoorTest() {
    tree_.write("etc/app/app.conf", "one");
    tree_.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    tree_.write("etc/group", "root:x:0:\n");
    std::filesystem::create_directories(tree_.path() / "state");
    root_ = tree_.open(kernel_);
    state_ = root_.open_directory("state").value();
    auto app = std::make_unique<AppResource>();
    app->root = tree_.path();
    resources_.push_back(std::move(app));
    options_.resources = app_specs();
    options_.fleet = "shop";
    host_ =
        std::make_unique<Host>(Host{{HostId::make(random_), "web1", "1", clock_.boot()},
                                    {root_, state_, options_, resources_, snapshots_, blobs_, runs_,
                                     readers_, services_, programs_, prober_, clock_, random_},
                                    {root_, services_, programs_},
                                    *engine_(),
                                    hub_,
                                    health_,
                                    run_worker_,
                                    query_worker_,
                                    [this] {
                                      return ConfigurationOnDisk{options_, true};
                                    }});
    door_ = std::make_unique<Door>(*host_, outbox_, [] { return std::string("none"); });
  }

  RollbackEngine* engine_() {
    engine_object_ = std::make_unique<RollbackEngine>(
        RunDeps{root_, state_, options_, resources_, snapshots_, blobs_, runs_, readers_, services_,
                programs_, prober_, clock_, random_});
    return engine_object_.get();
  }

  Command command(CommandBody body) {
    Command made;
    made.fleet = "shop";
    made.id = CommandId::make(random_);
    made.host = host_->identity.id;
    made.epoch = 7;
    made.seq = ++seq_;
    made.body = std::move(body);
    return made;
  }
  bool send(const Principal& who, const Command& asked) {
    return door_->handle(who, encode_envelope(seal(asked).value()).value(), ConnectionId{1});
  }
  // The End of the only stream; waits for the thread that answers.
  End end(std::string* texts = nullptr) {
    std::unique_lock lock(mutex_);
    End found;
    const auto ended = [&] {
      for (auto& outgoing : outbox_.drain()) {
        if (auto* const item = std::get_if<DiffItem>(&outgoing.reply.body); item && texts)
          *texts += item->text;
        if (auto* const last = std::get_if<End>(&outgoing.reply.body)) {
          found = *last;
          return true;
        }
      }
      return false;
    };
    EXPECT_TRUE(woken_.wait_for(lock, std::chrono::seconds(20), ended)) << "no answer";
    return found;
  }
  End asked_by(const Principal& who, const Command& what) {
    EXPECT_TRUE(send(who, what));
    return end();
  }

  std::mutex mutex_;
  std::condition_variable woken_;
  std::uint64_t seq_ = 0;
  SystemClock clock_;
  SystemRandom random_;
  KernelSyscalls kernel_;
  TempDirectory tree_;
  TempDirectory store_;
  Directory root_;
  Directory state_;
  AgentOptions options_;
  std::vector<std::unique_ptr<Resource>> resources_;
  std::unique_ptr<Database> database_ = Database::open(store_.path() / "db").value();
  BlobStore blobs_{*database_};
  SnapshotStore snapshots_{*database_, blobs_};
  RunStore runs_{*database_};
  ReadPool readers_{2};
  FakeServices services_;
  NoPrograms programs_;
  GreenProber prober_;
  RunHub hub_{runs_, clock_};
  Outbox outbox_{[this] {
    const std::lock_guard lock(mutex_);
    woken_.notify_all();
  }};
  std::unique_ptr<RollbackEngine> engine_object_;
  Worker probe_worker_{"probes", clock_};
  HealthMonitor health_{{}, prober_, probe_worker_, clock_};
  std::unique_ptr<Host> host_;
  std::unique_ptr<Door> door_;
  Worker query_worker_{"queries", clock_};
  Worker run_worker_{"runs", clock_};  // joined first: its jobs use everything above
};

TEST_F(DoorTest, RecordsAReleaseAndTakesTheHostBackToIt) {
  EXPECT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, ""})).exit_code,
            ExitCode::kDone);
  tree_.write("etc/app/app.conf", "broken");
  RollbackRequest back;
  back.to = "v1.0.0";
  options_.gate.soak = Duration{};
  const End done = asked_by(kRoot, command(back));
  EXPECT_EQ(done.exit_code, ExitCode::kDone) << (done.error ? done.error->message : "");
  EXPECT_TRUE(done.changed);
  EXPECT_EQ(tree_.read("etc/app/app.conf"), "one");
}

TEST_F(DoorTest, AGitReferenceThatIsNoneIsRefused) {
  for (const char* const bad : {"--upload-pack=x", "two words", "a\nb"}) {
    const End end = asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, bad}));
    EXPECT_EQ(end.exit_code, ExitCode::kUsage) << bad;
  }
  EXPECT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, "3f2a90c1"})).exit_code,
            ExitCode::kDone);
}

TEST_F(DoorTest, StatusFollowsTheHistoryAndTheStoresDamage) {
  EXPECT_EQ(status_of(*host_, "none").release, "");
  for (const char* const release : {"v1.0.0", "v1.1.0"}) {
    tree_.write("etc/app/app.conf", release);
    ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{release, false, ""})).exit_code,
              ExitCode::kDone);
    EXPECT_EQ(status_of(*host_, "none").release, release);
  }
  EXPECT_EQ(status_of(*host_, "none").store, "ok");
  (void)database_->note_damage(Table::kBlobs, "a", "content a: what is stored has another hash");
  EXPECT_THAT(status_of(*host_, "none").store,
              AllOf(StartsWith("degraded: "), HasSubstr("content a")));
}

TEST_F(DoorTest, PreviousIsTheReleaseThatWasLeftUnrecorded) {
  ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, ""})).exit_code,
            ExitCode::kDone);
  tree_.write("etc/app/app.conf", "a deploy that nobody recorded");
  RollbackRequest previous;
  previous.dry_run = true;
  EXPECT_EQ(asked_by(kRoot, command(previous)).exit_code, ExitCode::kDone);
}

TEST_F(DoorTest, TurnsStrangersAndTheCoordinatorsVerbsAway) {
  EXPECT_EQ(asked_by(kNobody, command(StatusRequest{})).exit_code, ExitCode::kDenied);
  EXPECT_EQ(asked_by(kRoot, command(HostListRequest{})).exit_code, ExitCode::kDenied);
  EXPECT_EQ(asked_by(kCoordinator, command(RollbackRequest{})).exit_code, ExitCode::kDenied);
  EXPECT_EQ(door_->refusals().denied, 3U);
}

TEST_F(DoorTest, CountsGarbageAndLetsItsSenderGo) {
  EXPECT_FALSE(door_->handle(kRoot, "GET / HTTP/1.1", ConnectionId{1}));
  EXPECT_FALSE(door_->handle(kRoot, "", ConnectionId{1}));
  EXPECT_EQ(door_->refusals().malformed, 2U);
}

TEST_F(DoorTest, RefusesReplayedOldForeignAndExpiredCommands) {
  const Command first = command(StatusRequest{});
  EXPECT_EQ(asked_by(kCoordinator, first).exit_code, ExitCode::kDone);
  EXPECT_EQ(asked_by(kCoordinator, first).exit_code, ExitCode::kDenied);
  Command older = command(StatusRequest{});
  older.epoch = 6;
  EXPECT_THAT(asked_by(kCoordinator, older).error->message, HasSubstr("7"));
  Command foreign = command(StatusRequest{});
  foreign.host = HostId::make(random_);
  EXPECT_EQ(asked_by(kCoordinator, foreign).exit_code, ExitCode::kDenied);
  Command other_fleet = command(StatusRequest{});
  other_fleet.fleet = "bank";
  EXPECT_EQ(asked_by(kCoordinator, other_fleet).exit_code, ExitCode::kDenied);
  Command expired = command(StatusRequest{});
  expired.not_after = clock_.wall() - std::chrono::hours(1);
  EXPECT_EQ(asked_by(kCoordinator, expired).exit_code, ExitCode::kDenied);
  EXPECT_EQ(asked_by(kCoordinator, command(StatusRequest{})).exit_code, ExitCode::kDone);
}

TEST_F(DoorTest, AnswersStatusWhileTheRunThreadIsBusy) {
  std::mutex held;
  std::unique_lock busy(held);
  ASSERT_TRUE(run_worker_.post(
      {"a long capture", std::chrono::minutes(1), [&] { const std::lock_guard wait(held); }}));
  const BootTime asked = clock_.boot();
  EXPECT_EQ(asked_by(kRoot, command(StatusRequest{})).exit_code, ExitCode::kDone);
  EXPECT_LT(clock_.boot() - asked, std::chrono::milliseconds(100));
}

TEST_F(DoorTest, ShowsNoSecretByWhateverPatternItIsMeant) {
  options_.resources[0].secret = {"app.conf"};
  ASSERT_EQ(asked_by(kRoot, command(SnapshotRequest{"v1.0.0", false, ""})).exit_code,
            ExitCode::kDone);
  tree_.write("etc/app/app.conf", "hunter2");
  ASSERT_TRUE(send(kRoot, command(DiffRequest{"v1.0.0", "live", false})));
  std::string shown;
  end(&shown);
  EXPECT_THAT(shown, HasSubstr("sha256"));
  EXPECT_THAT(shown, Not(HasSubstr("hunter2")));
}

TEST_F(DoorTest, RefusesLabelsThatNameNoVersion) {
  for (const char* label : {"latest", "v2.4", "20240520", ""}) {
    const End end = asked_by(kRoot, command(SnapshotRequest{label, false, ""}));
    EXPECT_EQ(end.exit_code, ExitCode::kUsage) << label;
  }
  EXPECT_TRUE(snapshots_.revisions().value().empty());
}

}  // namespace
}  // namespace rollback
