// SPDX-License-Identifier: Apache-2.0
// A host with two recorded releases, v1.0.0 and v2.0.0 (live), on a real file system and a real
// store; units and probes are fakes.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "agent/apply/rollback.h"
#include "agent/capture/facts.h"
#include "agent/capture/storing_sink.h"
#include "tests/agent/apply/apply_support.h"
#include "tests/support/fake_clock.h"

namespace rollback {

class FakeProber final : public Prober {
 public:
  std::vector<ProbeResult> round(const std::vector<ProbeSpec>& specs) override {
    std::vector<ProbeResult> results;
    for (const auto& spec : specs) {
      const bool is_green = spec.kind == ProbeKind::kHttp ? green() : reached(spec);
      results.push_back(
          {spec.name, is_green, spec.required, is_green ? "HTTP 200" : "HTTP 502", {}});
    }
    return results;
  }
  std::function<bool()> green = [] { return true; };
  std::function<bool(const ProbeSpec&)> reached = [](const ProbeSpec&) { return false; };
};

// Time passes while somebody waits. `crash_at`: leaves the run there as a crash would. `hear`: what
// else happens at an event.
class Watcher final : public RunListener {
 public:
  explicit Watcher(FakeClock& clock) : clock_(clock) {}
  void on_event(const RunId&, const RunEvent& event) override {
    events.push_back(event);
    if (hear) hear(event);
    if (crash_at && event.phase == *crash_at) throw std::runtime_error("crash");
  }
  bool wait(BootTime until) override {
    if (until > clock_.boot()) clock_.advance(until - clock_.boot());
    return aborted;
  }
  bool wait_confirmed(const RunId&, BootTime until, const std::function<bool()>& contact) override {
    asked_until = until;
    if (dies_while_waiting) throw std::runtime_error("crash");
    while (!confirms && !aborted && clock_.boot() < until) {
      if (contact && contact()) return true;
      (void)wait(contact ? clock_.boot() + std::chrono::seconds(1) : until);
    }
    return confirms;
  }
  std::vector<RunEvent> events;
  std::function<void(const RunEvent&)> hear;
  bool aborted = false;
  bool confirms = false;
  bool dies_while_waiting = false;
  std::optional<BootTime> asked_until;
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

  void restart_agent(const std::string& boot = "boot 1") {
    engine_.reset();
    engine_ = std::make_unique<RollbackEngine>(deps(boot), live());
  }
  RunDeps deps(const std::string& boot = "boot 1") {
    return {root_,    state_,    options_,  resources_, *snapshots_, *blobs_, *runs_,
            readers_, services_, programs_, prober_,    clock_,      random_, boot};
  }

  Live live() { return {LiveFiles(root_), services_, programs_}; }

  HostState capture_now() {
    StoringSink sink(*blobs_, *snapshots_, clock_.wall());
    auto state =
        capture(root_, resources_, sink, readers_, {},
                {.facts = read_facts(options_.facts, programs_).value_or(std::vector<Fact>{})});
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
  // Waits for that before it ends.
  static constexpr Duration kWindow = std::chrono::minutes(2);
  Result<RunRecord> roll_back_unless_confirmed() {
    asked_ = order("v1.0.0");
    asked_.confirm = kWindow;
    asked_.lease = lease_;
    ROLLBACK_ASSIGN(const auto prepared, engine_->prepare(asked_, watcher_));
    return engine_->commit(asked_.run, prepared.plan_digest, watcher_);
  }
  // The agent dies while the run waits.
  void die_waiting() {
    watcher_.dies_while_waiting = true;
    EXPECT_THROW((void)roll_back_unless_confirmed(), std::runtime_error);
    watcher_.dies_while_waiting = false;
    expect_one();
  }
  // Refused, and nothing is left of it.
  Error refused(const std::string& to) {
    const auto before = capture_now().content_root;
    const auto prepared = engine_->prepare(order(to), watcher_);
    EXPECT_FALSE(prepared);
    EXPECT_EQ(capture_now().content_root, before);
    expect_clean();
    EXPECT_THAT(services_.calls, ::testing::ElementsAre());
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
  PrepareOrder asked_;  // of roll_back_unless_confirmed()
  Duration lease_{};
  std::unique_ptr<RollbackEngine> engine_;
};

}  // namespace rollback
