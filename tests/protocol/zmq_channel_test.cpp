// SPDX-License-Identifier: Apache-2.0
// Messages between admitted peers: who they are from, where they go, what is too much.
#include "protocol/zmq_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/protocol/link_fixture.h"

namespace rollback {
namespace {

using Event = ZmqDealer::Event;

class ZmqLink : public LinkTest {
 protected:
  void SetUp() override { zap->admit({web1.public_key, web2.public_key}); }

  std::unique_ptr<ZapAuthenticator> zap = must(ZapAuthenticator::start(context));
  std::unique_ptr<ZmqRouter> router = open_router("agents");
};

TEST_F(ZmqLink, CarriesMessagesBothWays) {
  const auto agent = connected_dealer(web1, *router);

  ASSERT_TRUE(agent->send("hello"));
  const auto question = wait_message(*router);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->bytes, "hello");
  ASSERT_TRUE(router->send(question->route, "welcome"));

  EXPECT_EQ(wait_message(*agent), "welcome");
}

// libzmq 4.3.4 loses the metadata of the first frame after a poll.
TEST_F(ZmqLink, NamesTheSenderOfEveryMessageByItsKey) {
  const auto first = connected_dealer(web1, *router);
  const auto second = connected_dealer(web2, *router);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(first->send("from web1"));
    ASSERT_TRUE(second->send("from web2"));
  }

  for (int i = 0; i < 40; ++i) {
    const auto message = wait_message(*router);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->key, message->bytes == "from web1" ? web1.public_key : web2.public_key);
  }
  EXPECT_EQ(router->counters().dropped, 0U);
}

TEST_F(ZmqLink, GivesNobodyTheMessagesOfAnotherHostWhoseNameItClaims) {
  RawClient thief(context, ZMQ_DEALER);
  thief.use_curve(web1, server.public_key);
  thief.set(ZMQ_ROUTING_ID, std::string("web2"));
  thief.connect(router->endpoint());
  thief.send("I am web2");
  const auto lie = wait_message(*router);
  ASSERT_TRUE(lie);
  EXPECT_EQ(lie->key, web1.public_key);

  const auto agent = connected_dealer(web2, *router);
  ASSERT_TRUE(agent->send("I am web2"));
  const auto truth = wait_message(*router);
  ASSERT_TRUE(truth) << "the real host is blocked";
  EXPECT_EQ(truth->key, web2.public_key);
  ASSERT_TRUE(router->send(truth->route, "for web2"));

  EXPECT_EQ(wait_message(*agent), "for web2");
  EXPECT_EQ(wait_message(thief, kAWhile), std::nullopt);
}

TEST_F(ZmqLink, KeepsARouteForItsConnectionWhenAnotherClaimsIt) {
  const auto agent = connected_dealer(web2, *router);
  ASSERT_TRUE(agent->send("hello"));
  const auto hello = wait_message(*router);
  ASSERT_TRUE(hello);

  RawClient thief(context, ZMQ_DEALER);
  thief.use_curve(web1, server.public_key);
  thief.set(ZMQ_ROUTING_ID, hello->route);
  thief.connect(router->endpoint());
  thief.send("I am that route");
  EXPECT_EQ(wait_message(*router, kAWhile), std::nullopt);
  ASSERT_TRUE(router->send(hello->route, "for web2"));

  EXPECT_EQ(wait_message(*agent), "for web2");
  EXPECT_EQ(wait_message(thief, kAWhile), std::nullopt);
}

TEST_F(ZmqLink, SaysThatAConnectionIsGone) {
  auto agent = connected_dealer(web1, *router);
  ASSERT_TRUE(agent->send("hello"));
  const auto hello = wait_message(*router);
  ASSERT_TRUE(hello);
  agent.reset();

  Status sent;
  wait_until(
      kSoon, [&] { return !(sent = router->send(hello->route, "anybody there?")); }, *router);

  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kNotFound);
}

TEST_F(ZmqLink, LosesAMessageFarAboveTheLimitAndItsConnectionOnly) {
  RawClient flooder(context, ZMQ_DEALER);
  flooder.use_curve(web1, server.public_key);
  flooder.connect(router->endpoint());
  const auto agent = connected_dealer(web2, *router);

  flooder.send(std::string(kMaxMessage + 1000, 'x'));
  EXPECT_EQ(wait_message(*router, kAWhile), std::nullopt);

  ASSERT_TRUE(agent->send(std::string(kMaxMessage, 'y')));
  const auto message = wait_message(*router);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->bytes.size(), kMaxMessage);
}

TEST_F(ZmqLink, CountsAndDropsWhatIsNotOneFrameWithinTheLimit) {
  RawClient sloppy(context, ZMQ_DEALER);
  sloppy.use_curve(web1, server.public_key);
  sloppy.connect(router->endpoint());

  sloppy.send(std::string(kMaxMessage + 1, 'x'));
  sloppy.send("one", ZMQ_SNDMORE);
  sloppy.send("two");
  sloppy.send("good");

  const auto message = wait_message(*router);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->bytes, "good");
  EXPECT_EQ(router->counters().dropped, 2U);
  EXPECT_EQ(router->counters().received, 1U);
}

TEST_F(ZmqLink, LeavesALiveConnectionToARemovedKey) {
  const auto agent = connected_dealer(web1, *router);

  zap->admit({web2.public_key});
  ASSERT_TRUE(agent->send("still here"));

  // This is why the receiver looks up Message::key for each message.
  const auto message = wait_message(*router);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->key, web1.public_key);
}

TEST_F(ZmqLink, QueuesNothingWhileItIsNotConnected) {
  const std::string endpoint = router->endpoint();
  const auto agent = connected_dealer(web1, *router);
  router.reset();
  ASSERT_EQ(wait_event(*agent), Event::kDisconnected);

  Status sent;  // the event comes a moment before the socket knows
  wait_until(
      kSoon, [&] { return !(sent = agent->send("stale")); }, *agent);

  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kBusy);
}

TEST_F(ZmqLink, ConnectsAgainByItselfAfterTheServerWasAway) {
  const std::string endpoint = router->endpoint();
  const auto agent = connected_dealer(web1, *router);
  router.reset();
  ASSERT_EQ(wait_event(*agent), Event::kDisconnected);

  router = open_router("agents", endpoint);

  EXPECT_EQ(wait_event(*agent), Event::kConnected);
  ASSERT_TRUE(agent->send("back"));
  EXPECT_TRUE(wait_message(*router));
}

TEST_F(ZmqLink, StaysDisconnectedFromAServerThatSentTooMuch) {
  const auto agent = connected_dealer(web1, *router);
  ASSERT_TRUE(agent->send("hello"));
  const auto hello = wait_message(*router);
  ASSERT_TRUE(hello);

  auto options = dealer_options(web2, *router);
  options.max_message = 1024;
  const auto small = must(ZmqDealer::connect(context, options));
  ASSERT_EQ(wait_event(*small), Event::kConnected);
  ASSERT_TRUE(small->send("hello"));
  const auto small_hello = wait_message(*router);
  ASSERT_TRUE(small_hello);
  ASSERT_TRUE(router->send(small_hello->route, std::string(4000, 'x')));

  EXPECT_EQ(wait_event(*small), Event::kDisconnected);
  // This is why a dealer that stays disconnected has to be built anew.
  EXPECT_EQ(wait_event(*small, kAWhile), Event::kNone);
}

// Answers every ZAP request with 200 and an empty User-Id until it is destroyed.
class CarelessZap {
 public:
  explicit CarelessZap(ZmqContext& context) : socket_(context, ZMQ_REP) {
    EXPECT_EQ(zmq_bind(socket_.zmq_handle(), "inproc://zeromq.zap.01"), 0);
    thread_ = std::thread([this] { answer_one(); });
  }
  ~CarelessZap() { thread_.join(); }

 private:
  void answer_one() {
    zmq_pollitem_t item{socket_.zmq_handle(), 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 10'000);
    std::vector<std::string> request;
    for (auto frame = socket_.receive(); *frame; frame = socket_.receive())
      request.push_back(**frame);
    if (request.size() < 2) return;
    for (const std::string& frame :
         {request[0], request[1], std::string("200"), std::string("OK"), std::string()})
      socket_.send(frame, ZMQ_SNDMORE);
    socket_.send("");
  }

  RawClient socket_;
  std::thread thread_;
};

class ZmqLinkWithoutNames : public LinkTest {};

TEST_F(ZmqLinkWithoutNames, CountsAndDropsMessagesWithoutAUserId) {
  const CarelessZap zap(context);
  const auto router = open_router("agents");
  const auto agent = connected_dealer(web1, *router);

  ASSERT_TRUE(agent->send("who am I?"));

  EXPECT_EQ(wait_message(*router, kAWhile), std::nullopt);
  EXPECT_EQ(router->counters().dropped, 1U);
}

}  // namespace
}  // namespace rollback
