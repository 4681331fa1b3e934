// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rollout/runner.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <optional>

#include "tests/coordinator/scripted_agents.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_state_store.h"
#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Fate = ScriptedAgents::Fate;

class Listener final : public Watcher {
 public:
  void send(const std::string& host, ReplyBody body) override {
    heard.emplace_back(host, std::move(body));
  }
  [[nodiscard]] bool is_gone() const override { return gone; }
  [[nodiscard]] std::optional<End> end() const {
    if (heard.empty() || !std::holds_alternative<End>(heard.back().second)) return std::nullopt;
    return std::get<End>(heard.back().second);
  }
  template <typename T>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(
        std::count_if(heard.begin(), heard.end(),
                      [](const auto& entry) { return std::holds_alternative<T>(entry.second); }));
  }
  std::vector<std::pair<std::string, ReplyBody>> heard;
  bool gone = false;
};

// A coordinator's rollouts over a scripted fleet of web1..webN.
class Scene {
 public:
  explicit Scene(std::size_t hosts) {
    for (std::size_t i = 1; i <= hosts; ++i) {
      HostRecord record;
      record.id = HostId::make(random);
      record.name = "web" + std::to_string(i);
      record.admission = Admission::kAccepted;
      agents.host(record.id).name = record.name;
      records.push_back(record);
    }
    request.to = "v2.4.1";
    request.policy.batches = {{1, false}, {100, true}};
    boot();
  }

  // As after SIGKILL: nothing but the store and the hosts is left.
  void boot() {
    runner.reset();
    auto opened = Ledger::open(store, clock.wall());
    ASSERT_TRUE(opened) << opened.error().message;
    ledger.emplace(*std::move(opened));
    runner.emplace(Runner::Deps{agents, *ledger, clock, random, [](const std::string&) {}});
    const auto resumed = runner->resume_stored();
    ASSERT_TRUE(resumed) << resumed.error().message;
  }

  Result<RunId> start() { return runner->start(request, records, "root (uid 0)", "why not"); }

  // Begins a run and listens to it.
  RunId begin() {
    const auto run = start();
    EXPECT_TRUE(run) << run.error().message;
    if (!run) return {};
    runner->watch(*run, listener);
    return *run;
  }

  ScriptedAgents::Host& host(std::size_t number) { return agents.host(records[number - 1].id); }

  void step() {
    runner->tick();
    if (agents.has_work()) agents.answer_next();
    clock.advance(100ms);
  }
  // False when it took longer than `patience`.
  template <typename Done>
  bool until(Done done, Duration patience = 10min) {
    for (const BootTime end = clock.boot() + patience; clock.boot() < end;) {
      runner->tick();
      if (done()) return true;
      if (agents.has_work()) agents.answer_next();
      clock.advance(100ms);
    }
    return done();
  }
  bool until_over() {
    return until([this] { return runner->active() == nullptr && !agents.has_work(); });
  }
  bool until_paused() {
    return until([this] {
      return runner->active() != nullptr && runner->active()->state == RolloutState::kPaused;
    });
  }
  RolloutRecord stored(const RunId& run) {
    auto rollout = ledger->load(run);
    EXPECT_TRUE(rollout);
    return rollout ? *rollout : RolloutRecord();
  }
  std::vector<HostPhase> phases(const RunId& run) {
    std::vector<HostPhase> found;
    for (const auto& member : stored(run).hosts) found.push_back(member.phase);
    return found;
  }

  FakeClock clock;
  SeededRandom random;
  MemoryStateStore store;
  ScriptedAgents agents;
  std::vector<HostRecord> records;
  FleetRollbackRequest request;
  std::shared_ptr<Listener> listener = std::make_shared<Listener>();
  std::optional<Ledger> ledger;
  std::optional<Runner> runner;
};

TEST(Runner, TakesEveryHostBackAfterAllWerePrepared) {
  Scene scene(3);
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 0);
  EXPECT_THAT(scene.agents.asked,
              ElementsAre(HasSubstr("prepare"), HasSubstr("prepare"), HasSubstr("prepare"),
                          "web1 commit", HasSubstr("commit"), HasSubstr("commit")));
  for (std::size_t i = 1; i <= 3; ++i) EXPECT_EQ(scene.host(i).runs.count(run), 1U);
}

TEST(Runner, TakesHostsToWhereARunBegan) {
  Scene scene(2);
  scene.request.to = "run:0123456789ab";  // an undo to the agents, a commit to the rollout
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until([&] { return scene.runner->active() == nullptr; }, 1min));
  EXPECT_EQ(scene.stored(run).exit_code, 0);
}

TEST(Runner, TellsAWatcherTheWholeStory) {
  Scene scene(2);
  scene.begin();
  ASSERT_TRUE(scene.until_over());
  const auto& heard = scene.listener->heard;
  ASSERT_TRUE(std::holds_alternative<RolloutRecord>(heard.front().second));
  EXPECT_EQ(std::get<RolloutRecord>(heard.front().second).hosts.size(), 2U);
  EXPECT_EQ(scene.listener->count<EventItem>(), 2U);
  EXPECT_GT(scene.listener->count<Line>(), 0U);
  ASSERT_TRUE(scene.listener->end());
  EXPECT_EQ(scene.listener->end()->exit_code, ExitCode::kDone);
  EXPECT_TRUE(scene.listener->end()->changed);
  const auto report = std::get<RolloutRecord>(heard[heard.size() - 4].second);
  EXPECT_EQ(report.state, RolloutState::kDone);
  EXPECT_TRUE(report.hosts.empty());
}

TEST(Runner, PausesWhenAGateIsRedAndSaysHowToGoOn) {
  Scene scene(3);
  scene.host(1).outcome = RunOutcome::kRestored;
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_paused());
  ASSERT_TRUE(scene.listener->end());
  EXPECT_EQ(scene.listener->end()->exit_code, ExitCode::kPartial);
  for (const auto* way : {"run resume", "run undo", "run abort"})
    EXPECT_THAT(scene.listener->end()->error->message, HasSubstr(way + (" " + run.str())));
  EXPECT_THAT(scene.agents.asked, Not(Contains("web2 commit")));
  EXPECT_EQ(scene.host(2).holds, run) << "locks are kept";
}

TEST(Runner, GoesOnWhenAPausedRunIsResumed) {
  Scene scene(3);
  scene.host(1).outcome = RunOutcome::kRestored;
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_paused());
  ASSERT_TRUE(scene.runner->tell("", rollout_event::Resume{"root"}));
  ASSERT_TRUE(scene.until_over());
  EXPECT_THAT(scene.phases(run),
              ElementsAre(HostPhase::kRestored, HostPhase::kDone, HostPhase::kDone));
  EXPECT_EQ(scene.stored(run).exit_code, 6);
}

TEST(Runner, RenewsLeasesWhilePaused) {
  Scene scene(2);
  scene.host(1).outcome = RunOutcome::kRestored;
  scene.begin();
  ASSERT_TRUE(scene.until_paused());
  scene.agents.asked.clear();
  scene.until([&] { return scene.agents.asked.size() >= 3; }, 16min);
  EXPECT_THAT(scene.agents.asked, ElementsAre("web2 prepare", "web2 prepare", "web2 prepare"));
}

TEST(Runner, TakesBackARunThatIsOver) {
  Scene scene(2);
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  scene.host(2).locked = 3;
  ASSERT_TRUE(scene.runner->tell(run.str().substr(0, 6), rollout_event::Undo{"root"}));
  ASSERT_TRUE(scene.until_over());
  EXPECT_THAT(scene.phases(run), ElementsAre(HostPhase::kUndone, HostPhase::kUndone));
  EXPECT_THAT(scene.host(2).undone, ElementsAre(run));
}

TEST(Runner, HoldsTheFleetAgainstASecondRun) {
  Scene scene(2);
  const RunId run = scene.begin();
  const auto second = scene.start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_THAT(second.error().message, HasSubstr(run.str()));
  EXPECT_THAT(second.error().message, HasSubstr("root (uid 0)"));
  EXPECT_THAT(second.error().message, HasSubstr("run abort"));
  ASSERT_TRUE(scene.until_over());
  EXPECT_TRUE(scene.start()) << "a run that is over holds nothing";
}

TEST(Runner, RefusesWithAnOfflineHostAndLetsTheOthersGo) {
  Scene scene(3);
  scene.host(2).online = false;
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 2);
  EXPECT_THAT(scene.phases(run),
              ElementsAre(HostPhase::kSkipped, HostPhase::kOffline, HostPhase::kSkipped));
  EXPECT_FALSE(scene.host(1).holds);
  EXPECT_FALSE(scene.host(3).holds);
}

TEST(Runner, TellsAMissingReleaseFromARefusal) {
  Scene scene(2);
  scene.host(1).has_release = false;
  scene.host(2).refuses = "nginx -t: unknown directive";
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  EXPECT_THAT(scene.phases(run), ElementsAre(HostPhase::kMissing, HostPhase::kUnready));
  EXPECT_THAT(scene.stored(run).hosts[1].findings, ElementsAre("nginx -t: unknown directive"));
}

TEST(Runner, AsksABusyHostAgain) {
  Scene scene(1);
  scene.host(1).locked = 4;
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 0);
}

TEST(Runner, DoesNotWaitForeverForALockedHost) {
  Scene scene(1);
  scene.host(1).locked = 1'000;
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until([&] { return scene.runner->active() == nullptr; }, 1min));
  EXPECT_THAT(scene.phases(run), ElementsAre(HostPhase::kUnready));
}

TEST(Runner, PreparesOnceMoreWhenTheHostWasChanged) {
  Scene scene(1);
  scene.host(1).conflicts = 1;
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  EXPECT_THAT(scene.agents.asked,
              ElementsAre("web1 prepare", "web1 commit", "web1 prepare", "web1 commit"));
  EXPECT_EQ(scene.stored(run).exit_code, 0);
}

TEST(Runner, RepeatsACommitWhoseAnswerWasLostAndItsEventsAreToldOnce) {
  Scene scene(1);
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until(
      [&] { return scene.agents.has_work() && scene.agents.asked.back() == "web1 commit"; }));
  scene.agents.answer_next(Fate::kEndLost);
  EXPECT_EQ(scene.listener->count<EventItem>(), 1U);
  scene.agents.lose(scene.records[0].id);
  scene.clock.advance(5s);
  scene.step();
  scene.host(1).online = true;
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 0);
  EXPECT_EQ(scene.host(1).runs.size(), 1U);
  EXPECT_EQ(scene.listener->count<EventItem>(), 1U);
}

TEST(Runner, AsksAgainAfterAMinuteOfSilence) {
  Scene scene(1);
  const RunId run = scene.begin();
  scene.runner->tick();
  scene.agents.answer_next(Fate::kAnswerLost);
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 0);
}

TEST(Runner, GoesOnWhenItsWatcherLeaves) {
  Scene scene(2);
  const RunId run = scene.begin();
  scene.listener->gone = true;
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 0);
  EXPECT_FALSE(scene.listener->end());
}

TEST(Runner, AbortEndsWithoutANewWave) {
  Scene scene(3);
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until(
      [&] { return scene.agents.has_work() && scene.agents.asked.back() == "web1 commit"; }));
  ASSERT_TRUE(scene.runner->tell(run.str(), rollout_event::Abort{"root"}));
  ASSERT_TRUE(scene.until_over());
  EXPECT_THAT(scene.phases(run),
              ElementsAre(HostPhase::kDone, HostPhase::kSkipped, HostPhase::kSkipped));
  EXPECT_FALSE(scene.host(2).holds);
}

TEST(Runner, StopsActingWhenNothingCanBeStored) {
  Scene scene(2);
  scene.begin();
  const auto version = scene.store.version();
  ASSERT_TRUE(scene.store.commit(*version, {{"meta/intruder", "here"}}));
  scene.until([&] { return !scene.runner->health(); }, 1min);
  EXPECT_EQ(scene.runner->health().error().code, ErrorCode::kConflict);
  EXPECT_THAT(scene.agents.asked, Not(Contains(HasSubstr("commit"))));
}

struct Kill {
  std::size_t steps = 0;  // the coordinator dies after so many
  Fate fate = Fate::kAnswered;
};

// Runs a rollout that dies at `kill`; false once `kill.steps` lies behind its end.
bool survives(const Kill& kill) {
  Scene scene(4);
  scene.request.policy.batches = {{1, false}, {2, false}};
  const RunId run = scene.begin();
  bool died = false;
  for (std::size_t i = 0; scene.runner->active() != nullptr && i < 10'000; ++i) {
    if (i != kill.steps) {
      scene.step();
      continue;
    }
    scene.runner->tick();
    if (scene.agents.has_work()) scene.agents.answer_next(kill.fate);
    scene.boot();
    died = true;
  }
  EXPECT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 0) << "killed at step " << kill.steps;
  for (std::size_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(scene.host(i).runs.size(), 1U) << "host " << i << ", killed at step " << kill.steps;
    EXPECT_EQ(scene.host(i).runs.count(run), 1U);
    EXPECT_FALSE(scene.host(i).holds);
  }
  return died;
}

TEST(Runner, SurvivesARestartAtEveryStep) {
  for (const Fate fate : {Fate::kAnswered, Fate::kEndLost, Fate::kAnswerLost, Fate::kCommandLost}) {
    std::size_t steps = 0;
    while (survives({steps, fate}) && !testing::Test::HasFailure()) ++steps;
    EXPECT_GE(steps, 8U) << "a run of four hosts has at least eight commands";
  }
}

TEST(Runner, ARestartWaitsForHostsToComeBack) {
  Scene scene(2);
  const RunId run = scene.begin();
  scene.step();
  for (const auto& record : scene.records) scene.agents.host(record.id).online = false;
  scene.boot();
  scene.clock.advance(10s);
  scene.runner->tick();
  for (const auto& record : scene.records) scene.agents.host(record.id).online = true;
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.stored(run).exit_code, 0);
}

TEST(Runner, ARestartStillLetsGoWhatWasPrepared) {
  Scene scene(2);
  scene.host(1).refuses = "no space";
  scene.begin();
  ASSERT_TRUE(scene.until([&] { return scene.agents.asked.size() == 2; }));
  scene.agents.answer_next();
  scene.agents.answer_next();
  ASSERT_EQ(scene.runner->active(), nullptr);
  ASSERT_TRUE(scene.host(2).holds);
  scene.boot();
  ASSERT_TRUE(scene.until_over());
  EXPECT_FALSE(scene.host(2).holds);
}

TEST(Runner, UndoSurvivesARestart) {
  Scene scene(2);
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  ASSERT_TRUE(scene.runner->tell("", rollout_event::Undo{"root"}));
  scene.boot();
  ASSERT_TRUE(scene.until_over());
  EXPECT_THAT(scene.phases(run), ElementsAre(HostPhase::kUndone, HostPhase::kUndone));
}

TEST(Runner, UndoWithoutARunTakesTheNewestThatChangedAHost) {
  Scene scene(2);
  EXPECT_EQ(scene.runner->tell("", rollout_event::Undo{"root"}).error().code, ErrorCode::kNotFound);
  const RunId run = scene.begin();
  ASSERT_TRUE(scene.until_over());
  scene.request.dry_run = true;
  ASSERT_TRUE(scene.start());
  ASSERT_TRUE(scene.until_over());
  EXPECT_EQ(scene.runner->tell("", rollout_event::Undo{"root"}), run);
  ASSERT_TRUE(scene.until_over());
  EXPECT_THAT(scene.phases(run), ElementsAre(HostPhase::kUndone, HostPhase::kUndone));
}

TEST(Runner, UndoWithoutARunDoesNotGoBackFurtherTheSecondTime) {
  Scene scene(2);
  const RunId first = scene.begin();
  ASSERT_TRUE(scene.until_over());
  const RunId second = scene.begin();
  ASSERT_TRUE(scene.until_over());
  ASSERT_EQ(scene.runner->tell("", rollout_event::Undo{"root"}), second);
  ASSERT_TRUE(scene.until_over());
  const auto again = scene.runner->tell("", rollout_event::Undo{"root"});
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("run " + second.str() + " has left no host"));
  EXPECT_THAT(scene.phases(first), ElementsAre(HostPhase::kDone, HostPhase::kDone));
}

TEST(Runner, AbortWithoutARunMeansTheOneAtWorkNotTheNewest) {
  Scene scene(2);
  const RunId older = scene.begin();
  ASSERT_TRUE(scene.until_over());
  ASSERT_TRUE(scene.start());
  ASSERT_TRUE(scene.until_over());
  ASSERT_TRUE(scene.runner->tell(older.str(), rollout_event::Undo{"root"}));
  EXPECT_EQ(scene.runner->tell("", rollout_event::Abort{"root"}), older);
}

}  // namespace
}  // namespace rollback
