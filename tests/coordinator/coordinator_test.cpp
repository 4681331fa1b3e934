// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/coordinator/live_coordinator.h"
#include "tests/support/tcp_peer.h"

namespace rollback {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CoordinatorTest : public LiveCoordinator {
 protected:
  [[nodiscard]] const LinkRefusals& refusals() const { return coordinator->agents().refusals(); }
  // The next command that `agent` was sent.
  Command next_command(TestAgent& agent) {
    EXPECT_TRUE(until([&] { return !agent.commands.empty(); }));
    if (agent.commands.empty()) return {};
    const Command command = agent.commands.front();
    agent.commands.erase(agent.commands.begin());
    return command;
  }
  void answer_health(TestAgent& agent, Verdict verdict) {
    const Command command = next_command(agent);
    EXPECT_TRUE(std::holds_alternative<HealthRequest>(command.body));
    HealthItem health;
    health.verdict = verdict;
    health.probes = {{"shop", verdict == Verdict::kHealthy, true, "HTTP 502", 1ms}};
    agent.reply(command, health);
    agent.reply(command, End{verdict == Verdict::kHealthy ? ExitCode::kDone : ExitCode::kPartial,
                             false, std::nullopt});
  }
  void prepare(TestAgent& agent) {
    const Command command = next_command(agent);
    ASSERT_TRUE(std::holds_alternative<PrepareRequest>(command.body));
    agent.reply(command, Prepared{command.run, sha256("plan"), true, {}, 3});
    agent.reply(command, End{ExitCode::kDone, true, std::nullopt});
  }
  void commit(TestAgent& agent) {
    const Command command = next_command(agent);
    ASSERT_TRUE(std::holds_alternative<CommitRequest>(command.body));
    EXPECT_EQ(std::get<CommitRequest>(command.body).plan_digest, sha256("plan"));
    RunRecord record;
    record.id = command.run;
    record.outcome = RunOutcome::kSucceeded;
    record.changed = true;
    agent.reply(command, record);
    agent.reply(command, End{ExitCode::kDone, true, std::nullopt});
  }
};

TEST_F(CoordinatorTest, DoesNotComeUpWhileTheZapHandlerIsDead) {
  coordinator.reset();
  zap->stop();
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("ZAP handler does not answer"));
}

TEST_F(CoordinatorTest, AnUnacceptedKeyIsRefused) {
  TestAgent& stranger = make_agent("web1");
  link(stranger);
  ASSERT_TRUE(until([&] { return stranger.refused; }));
  EXPECT_FALSE(stranger.connected);
}

TEST_F(CoordinatorTest, AStrangerIsToldItsFingerprintAndWaits) {
  TestAgent& stranger = make_agent("web1");
  knock(stranger);
  ASSERT_TRUE(until([&] { return stranger.answer.has_value(); }));
  EXPECT_EQ(stranger.answer->admission, Admission::kPending);
  EXPECT_EQ(stranger.answer->fingerprint, fingerprint(stranger.keys().public_key));
  auto& list = ask(HostListRequest{});
  ASSERT_TRUE(until([&] { return list.end.has_value(); }));
  ASSERT_EQ(list.all<HostItem>().size(), 1U);
  EXPECT_EQ(list.all<HostItem>()[0].admission, Admission::kPending);
}

TEST_F(CoordinatorTest, AnAcceptedHostIsWelcomedAndReported) {
  TestAgent& web1 = make_member("web1");
  EXPECT_EQ(web1.welcome->fleet, "shop");
  EXPECT_EQ(web1.welcome->epoch, ledger->epoch());
  ASSERT_TRUE(until([&] {
    return coordinator->fleet()
               .board.item(*coordinator->fleet().hosts.by_id(web1.hello.host), clock.boot())
               .status.release == "v2.5.0";
  }));
  ASSERT_TRUE(until([&] { return web1.pulses > 0; })) << "silence means a dead coordinator";
}

TEST_F(CoordinatorTest, AcceptingTwiceIsAcceptingOnce) {
  make_member("web1");
  const End again = answer_to(HostAcceptRequest{"web1"});
  EXPECT_EQ(again.exit_code, ExitCode::kDone);
  EXPECT_FALSE(again.changed);
}

TEST_F(CoordinatorTest, HostsAreRememberedAndAdmittedAfterARestart) {
  TestAgent& web1 = make_member("web1");
  boot();
  web1.welcome.reset();
  join(web1);
  EXPECT_EQ(web1.welcome->epoch, ledger->epoch());
}

TEST_F(CoordinatorTest, AForgedIdInAHelloIsDroppedAndCounted) {
  TestAgent& web1 = make_member("web1");
  TestAgent& web2 = make_member("web2");
  web2.welcome.reset();
  Hello forged = web2.hello;
  forged.host = web1.hello.host;
  web2.say(forged);
  ASSERT_TRUE(until([&] { return refusals().forged == 1; }));
  EXPECT_FALSE(web2.welcome);
  EXPECT_THAT(log.back(), HasSubstr("dropped a hello of web2"));
}

TEST_F(CoordinatorTest, AForgedIdInAHeartbeatIsDroppedAndCounted) {
  TestAgent& web1 = make_member("web1");
  TestAgent& web2 = make_member("web2");
  Heartbeat forged;
  forged.status.id = web1.hello.host;
  forged.status.release = "v6.6.6";
  web2.say(forged);
  ASSERT_TRUE(until([&] { return refusals().forged == 1; }));
  const auto& fleet = coordinator->fleet();
  for (const auto& host : fleet.hosts.accepted())
    EXPECT_NE(fleet.board.item(host, clock.boot()).status.release, "v6.6.6");
}

TEST_F(CoordinatorTest, ARemovedKeyIsIgnoredAtOnceOnItsLiveConnection) {
  TestAgent& web1 = make_member("web1");
  ASSERT_EQ(answer_to(HostRemoveRequest{"web1"}).exit_code, ExitCode::kDone);
  EXPECT_FALSE(coordinator->agents().is_online(web1.hello.host));
  web1.beat();
  ASSERT_TRUE(until([&] { return refusals().unaccepted == 1; }));
  EXPECT_FALSE(coordinator->agents().is_online(web1.hello.host));
}

TEST_F(CoordinatorTest, AnAnswerToAnotherHostsCommandIsIgnored) {
  TestAgent& web1 = make_member("web1");
  TestAgent& web2 = make_member("web2");
  auto& asking = ask(FleetHealthRequest{{{"web1"}, {}}});
  ASSERT_TRUE(until([&] { return !web1.commands.empty(); }));
  HealthItem lie;
  lie.verdict = Verdict::kUnhealthy;
  web2.reply(web1.commands[0], lie);
  web2.reply(web1.commands[0], End{ExitCode::kPartial, false, std::nullopt});
  ASSERT_TRUE(until([&] { return refusals().unasked == 2; }));
  EXPECT_FALSE(asking.end);
  answer_health(web1, Verdict::kHealthy);
  ASSERT_TRUE(until([&] { return asking.end.has_value(); }));
  EXPECT_EQ(asking.end->exit_code, ExitCode::kDone);
}

TEST_F(CoordinatorTest, AnAnswerToNothingIsIgnored) {
  TestAgent& web1 = make_member("web1");
  Command never;
  never.id = CommandId::make(random);
  web1.reply(never, End{});
  ASSERT_TRUE(until([&] { return refusals().unasked == 1; }));
}

TEST_F(CoordinatorTest, CommandsNameFleetHostEpochAndGrow) {
  TestAgent& web1 = make_member("web1");
  for (int i = 0; i < 2; ++i) ask(FleetHealthRequest{});
  ASSERT_TRUE(until([&] { return web1.commands.size() == 2; }));
  const auto& first = web1.commands[0];
  const auto& second = web1.commands[1];
  EXPECT_EQ(first.fleet, "shop");
  EXPECT_EQ(first.host, web1.hello.host);
  EXPECT_EQ(first.epoch, ledger->epoch());
  EXPECT_GT(second.seq, first.seq);
  EXPECT_NE(second.id, first.id);
  EXPECT_GT(first.not_after, clock.wall());
  EXPECT_THAT(first.actor, HasSubstr("root"));
}

TEST_F(CoordinatorTest, EnrolmentCountsForgedKeys) {
  TestAgent& web1 = make_member("web1");
  TestAgent& thief = make_agent("web1");
  thief.hello.host = web1.hello.host;
  knock(thief);
  ASSERT_TRUE(until([&] { return coordinator->enrolment().refusals().forged == 1; }));
  EXPECT_FALSE(thief.answer);
}

TEST_F(CoordinatorTest, EnrolmentRefusesNamesThatMeanSomething) {
  TestAgent& rude = make_agent("web*");
  knock(rude);
  ASSERT_TRUE(until([&] { return coordinator->enrolment().refusals().malformed == 1; }));
  EXPECT_THAT(coordinator->fleet().hosts.all(), IsEmpty());
}

// What libzmq notes of connections waits in a queue without a bound until it is taken in.
TEST_F(CoordinatorTest, TakesInWhatStrangersDoOnBothPorts) {
  for (int i = 0; i < 20; ++i) {
    TcpPeer(coordinator->agents().endpoint()).send("GET / HTTP/1.1\r\n\r\n");
    TcpPeer(coordinator->enrolment().endpoint()).send("GET / HTTP/1.1\r\n\r\n");
  }
  ASSERT_TRUE(until([&] {
    return coordinator->agents().connections().connections >= 20 &&
           coordinator->enrolment().connections().connections >= 20;
  }));
  EXPECT_LT(coordinator->agents().connections().admitted, 20U);
}

TEST_F(CoordinatorTest, EnrolmentTakesOnlySoManyInASecond) {
  TestAgent& eager = make_agent("web1");
  eager.connect(coordinator->enrolment().endpoint(), keys.public_key);
  ASSERT_TRUE(until([&] { return eager.connected; }));
  ASSERT_TRUE(until([&] {
    for (int i = 0; i < 50; ++i) eager.ask_to_enrol();
    return coordinator->enrolment().refusals().too_many > 0;
  }));
}

TEST_F(CoordinatorTest, FleetHealthNamesWhoIsOffline) {
  TestAgent& web1 = make_member("web1");
  make_member("web2");
  ASSERT_EQ(answer_to(HostListRequest{}).exit_code, ExitCode::kDone);
  boot();  // nobody is online
  web1.welcome.reset();
  join(web1);
  auto& asking = ask(FleetHealthRequest{});
  answer_health(web1, Verdict::kHealthy);
  ASSERT_TRUE(until([&] { return asking.end.has_value(); }));
  EXPECT_EQ(asking.end->exit_code, ExitCode::kPartial);
  std::vector<std::string> silent;
  for (const auto& item : asking.all<HostItem>())
    if (!item.online) silent.push_back(item.name);
  EXPECT_THAT(silent, ElementsAre("web2"));
  EXPECT_THAT(asking.all<Line>().back().text, HasSubstr("1 healthy, 1 offline"));
}

TEST_F(CoordinatorTest, ASnapshotOfTheFleetEndsWithTheWorstCode) {
  TestAgent& web1 = make_member("web1");
  TestAgent& web2 = make_member("web2");
  auto& asking = ask(FleetSnapshotRequest{"v2.4.1", {}, false, ""});
  const Command first = next_command(web1);
  EXPECT_EQ(std::get<SnapshotRequest>(first.body).label, "v2.4.1");
  EXPECT_EQ(first.reason, "a test");
  web1.reply(first, Line{EventLevel::kInfo, "recorded"});
  web1.reply(first, End{ExitCode::kDone, true, std::nullopt});
  web2.reply(next_command(web2),
             End{ExitCode::kRefused, false, Error{ErrorCode::kConflict, "a probe is red"}});
  ASSERT_TRUE(until([&] { return asking.end.has_value(); }));
  EXPECT_EQ(asking.end->exit_code, ExitCode::kPartial);
  EXPECT_EQ(asking.replies[0].host, "web1");
  EXPECT_EQ(asking.all<Line>()[1].text, "a probe is red");
}

TEST_F(CoordinatorTest, TakesTheFleetBack) {
  TestAgent& web1 = make_member("web1");
  TestAgent& web2 = make_member("web2");
  auto& asking = ask(FleetRollbackRequest{"v2.4.1", {}, {}, false});
  prepare(web1);
  prepare(web2);
  commit(web1);
  commit(web2);
  ASSERT_TRUE(until([&] { return asking.end.has_value(); }));
  EXPECT_EQ(asking.end->exit_code, ExitCode::kDone);
  EXPECT_TRUE(asking.end->changed);
  EXPECT_EQ(asking.all<RolloutRecord>().front().hosts.size(), 2U);
  EXPECT_THAT(asking.all<RolloutRecord>().front().actor, HasSubstr("root"));
}

TEST_F(CoordinatorTest, WhoAskedForAnUndoGotItWhenEveryHostIsBack) {
  TestAgent& web1 = make_member("web1");
  auto& asking = ask(FleetRollbackRequest{"v2.4.1", {}, {}, false});
  prepare(web1);
  commit(web1);
  ASSERT_TRUE(until([&] { return asking.end.has_value(); }));
  auto& undoing = ask(RunUndoRequest{});
  const Command command = next_command(web1);
  ASSERT_TRUE(std::holds_alternative<UndoRequest>(command.body));
  RunRecord record;
  record.id = command.run;
  record.kind = RunKind::kUndo;
  record.outcome = RunOutcome::kSucceeded;
  record.changed = true;
  web1.reply(command, record);
  web1.reply(command, End{ExitCode::kDone, true, std::nullopt});
  ASSERT_TRUE(until([&] { return undoing.end.has_value(); }));
  EXPECT_EQ(undoing.end->exit_code, ExitCode::kDone);
  EXPECT_FALSE(undoing.end->error);
  EXPECT_EQ(answer_to(RunWatchRequest{}).exit_code, ExitCode::kRestored);  // what became of the run
}

TEST_F(CoordinatorTest, ARunOutlivesTheConnectionThatBeganItAndARestart) {
  TestAgent& web1 = make_member("web1");
  ask(FleetRollbackRequest{"v2.4.1", {}, {}, false});
  ASSERT_TRUE(until([&] { return !web1.commands.empty(); }));
  operators.clear();
  owned_operators.clear();  // the terminal is closed
  const End second = answer_to(FleetRollbackRequest{"v2.4.0", {}, {}, false});
  EXPECT_EQ(second.exit_code, ExitCode::kLocked);
  boot();
  web1.commands.clear();
  web1.welcome.reset();
  join(web1);
  prepare(web1);
  auto& watching = ask(RunWatchRequest{});
  commit(web1);
  ASSERT_TRUE(until([&] { return watching.end.has_value(); }));
  EXPECT_EQ(watching.end->exit_code, ExitCode::kDone);
  EXPECT_EQ(answer_to(RunShowRequest{}).exit_code, ExitCode::kDone);
}

TEST_F(CoordinatorTest, WhatTheAgentServesIsDenied) {
  EXPECT_EQ(answer_to(SnapshotRequest{"v1.0.0", false, "", false}).exit_code, ExitCode::kDenied);
}

}  // namespace
}  // namespace rollback
