// SPDX-License-Identifier: Apache-2.0
// A coordinator on loopback with real CURVE sockets and a real unix door, turned by the test's own
// thread; agents and operators that speak real messages.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/service/coordinator.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "tests/support/memory_state_store.h"
#include "tests/support/temp_directory.h"

namespace rollback {

using namespace std::chrono_literals;

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

// An agent's end: what it heard, and whatever it is told to say.
class TestAgent {
 public:
  TestAgent(ZmqContext& context, std::string name, Random& random)
      : context_(context), keys_(make_curve_keys()) {
    hello.host = HostId::make(random);
    hello.name = std::move(name);
    hello.agent_version = "0.1.0";
  }
  void connect(const std::string& endpoint, const std::string& server_key) {
    dealer_ = must(ZmqDealer::connect(context_, {endpoint, server_key, keys_}));
    connected = refused = false;
  }
  void say(const AgentMessage& message) {
    ASSERT_TRUE(dealer_->send(must(encode_agent_message(message))));
  }
  void beat() {
    Heartbeat beat;
    beat.status.id = hello.host;
    beat.status.release = "v2.5.0";
    beat.status.store = "ok";
    say(beat);
  }
  void ask_to_enrol() { ASSERT_TRUE(dealer_->send(must(encode_enrolment_request({hello})))); }
  // Takes in what has arrived.
  void pump() {
    if (!dealer_) return;
    for (auto event = dealer_->next_event(); event != ZmqDealer::Event::kNone;
         event = dealer_->next_event()) {
      connected = connected || event == ZmqDealer::Event::kConnected;
      refused = refused || event == ZmqDealer::Event::kRefused;
    }
    for (auto bytes = dealer_->receive(); bytes && *bytes; bytes = dealer_->receive()) {
      if (auto message = decode_coordinator_message(**bytes))
        take(*std::move(message));
      else if (auto decoded = decode_enrolment_answer(**bytes))
        answer = *decoded;
    }
  }
  void reply(const Command& command, ReplyBody body) {
    say(Reply{command.id, 1, "", std::move(body)});
  }

  Hello hello;
  bool connected = false;
  bool refused = false;
  std::optional<Welcome> welcome;
  std::optional<EnrolmentAnswer> answer;
  std::vector<Command> commands;
  int pulses = 0;

  [[nodiscard]] const CurveKeys& keys() const { return keys_; }

 private:
  void take(CoordinatorMessage message) {
    if (const auto* it = std::get_if<Welcome>(&message)) welcome = *it;
    if (std::holds_alternative<Pulse>(message)) ++pulses;
    if (const auto* envelope = std::get_if<Envelope>(&message))
      commands.push_back(must(decode_command(envelope->payload)));
  }
  ZmqContext& context_;
  CurveKeys keys_;
  std::unique_ptr<ZmqDealer> dealer_;
};

// rollbackctl's end.
class TestOperator {
 public:
  TestOperator(const std::string& socket, CommandBody body)
      : client_(must(UnixClient::connect(socket))) {
    Command command;
    command.id = *CommandId::from_bytes("operator-command");
    command.reason = "a test";
    command.body = std::move(body);
    const auto sent = client_.send(must(encode_envelope(must(seal(command)))));
    EXPECT_TRUE(sent);
  }
  void pump() {
    for (auto bytes = client_.receive(1ms); bytes; bytes = client_.receive(1ms)) {
      replies.push_back(must(decode_reply(*bytes)));
      if (const auto* it = std::get_if<End>(&replies.back().body)) end = *it;
    }
  }
  template <typename T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& reply : replies)
      if (const auto* it = std::get_if<T>(&reply.body)) found.push_back(*it);
    return found;
  }
  std::vector<Reply> replies;
  std::optional<End> end;

 private:
  UnixClient client_;
};

class LiveCoordinator : public testing::Test {
 protected:
  LiveCoordinator() : zap(must(ZapAuthenticator::start(context))) {
    options.fleet = "shop";
    options.agents = options.enrolment = "tcp://127.0.0.1:*";
    boot();
  }

  void boot() {
    coordinator.reset();
    ledger.emplace(must(Ledger::open(store, clock.wall())));
    coordinator = must(start());
  }
  Result<std::unique_ptr<Coordinator>> start() {
    DoorOptions socket;
    socket.path = socket_path();
    return Coordinator::start({options, keys, *ledger, context, *zap, poller, clock, random,
                               [this](const std::string& line) { log.push_back(line); }},
                              socket);
  }
  [[nodiscard]] std::string socket_path() const { return (directory.path() / "c.sock").string(); }

  // Turns the loop until `done`, at most 10 s.
  template <typename Done>
  bool until(Done done, Duration patience = 10s) {
    for (const BootTime end = clock.boot() + patience; clock.boot() < end;) {
      if (done()) return true;
      EXPECT_TRUE(coordinator->turn(5ms));
      for (auto* agent : agents) agent->pump();
      for (auto* it : operators) it->pump();
    }
    return done();
  }

  TestAgent& make_agent(const std::string& name) {
    owned_agents.push_back(std::make_unique<TestAgent>(context, name, random));
    agents.push_back(owned_agents.back().get());
    return *agents.back();
  }
  void link(TestAgent& agent) { agent.connect(coordinator->agents().endpoint(), keys.public_key); }
  void knock(TestAgent& agent) {
    agent.connect(coordinator->enrolment().endpoint(), keys.public_key);
    ASSERT_TRUE(until([&] { return agent.connected; }));
    agent.ask_to_enrol();
  }
  TestOperator& ask(CommandBody body) {
    owned_operators.push_back(std::make_unique<TestOperator>(socket_path(), std::move(body)));
    operators.push_back(owned_operators.back().get());
    return *operators.back();
  }
  End answer_to(CommandBody body) {
    auto& asking = ask(std::move(body));
    EXPECT_TRUE(until([&] { return asking.end.has_value(); }));
    return asking.end.value_or(End{ExitCode::kUsage, false, std::nullopt});
  }
  // Enrolled, accepted and welcomed.
  TestAgent& make_member(const std::string& name) {
    TestAgent& agent = make_agent(name);
    knock(agent);
    EXPECT_TRUE(until([&] { return agent.answer.has_value(); }));
    EXPECT_EQ(answer_to(HostAcceptRequest{fingerprint(agent.keys().public_key)}).exit_code,
              ExitCode::kDone);
    join(agent);
    return agent;
  }
  void join(TestAgent& agent) {
    link(agent);
    EXPECT_TRUE(until([&] { return agent.connected; }));
    agent.say(agent.hello);
    EXPECT_TRUE(until([&] { return agent.welcome.has_value(); }));
    agent.beat();
  }

  const SystemClock clock;
  SystemRandom random;
  TempDirectory directory;
  MemoryStateStore store;
  CurveKeys keys = make_curve_keys();
  CoordinatorOptions options;
  ZmqContext context;
  std::unique_ptr<ZapAuthenticator> zap;
  Poller poller;
  std::vector<std::string> log;
  std::optional<Ledger> ledger;
  std::unique_ptr<Coordinator> coordinator;
  std::vector<std::unique_ptr<TestAgent>> owned_agents;
  std::vector<TestAgent*> agents;
  std::vector<std::unique_ptr<TestOperator>> owned_operators;
  std::vector<TestOperator*> operators;
};

}  // namespace rollback
