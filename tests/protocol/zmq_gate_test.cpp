// SPDX-License-Identifier: Apache-2.0
// Who gets in, who does not, and how a coordinator knows that its gate works.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "protocol/zmq_channel.h"
#include "tests/protocol/link_fixture.h"
#include "tests/support/tcp_peer.h"

namespace rollback {
namespace {

using Event = ZmqDealer::Event;

class ZmqGate : public LinkTest {
 protected:
  void SetUp() override { zap->admit({web1.public_key}); }

  std::unique_ptr<ZapAuthenticator> zap = must(ZapAuthenticator::start(context));
  std::unique_ptr<ZmqRouter> router = open_router("agents");
};

TEST_F(ZmqGate, AdmitsAnAcceptedKey) {
  EXPECT_EQ(wait_event(*open_dealer(web1, *router)), Event::kConnected);
}

TEST_F(ZmqGate, RefusesAnUnknownKey) {
  EXPECT_EQ(wait_event(*open_dealer(web2, *router)), Event::kRefused);
  EXPECT_EQ(router->counters().connections, 1U);
  EXPECT_EQ(router->counters().admitted, 0U);
}

TEST_F(ZmqGate, AdmitsNobodyWithoutAZapHandler) {
  zap->stop();

  EXPECT_EQ(wait_event(*open_dealer(web1, *router), kAWhile), Event::kNone);
  EXPECT_EQ(wait_event(*open_dealer(web2, *router), kAWhile), Event::kNone);
}

TEST_F(ZmqGate, AdmitsNobodyOfAnUnknownDomain) {
  const auto other = open_router("elsewhere");

  EXPECT_EQ(wait_event(*open_dealer(web1, *other)), Event::kRefused);
}

TEST_F(ZmqGate, ConnectsARefusedHostOnlyWithANewDealer) {
  const auto refused = open_dealer(web2, *router);
  ASSERT_EQ(wait_event(*refused), Event::kRefused);

  zap->admit({web2.public_key});

  EXPECT_EQ(wait_event(*refused, kAWhile), Event::kNone) << "libzmq learned to connect again";
  EXPECT_EQ(wait_event(*open_dealer(web2, *router)), Event::kConnected);
}

TEST_F(ZmqGate, GivesNothingToAClientOfAnotherServerKey) {
  auto options = dealer_options(web1, *router);
  options.server_key = make_curve_keys().public_key;
  const auto dealer = must(ZmqDealer::connect(context, options));

  EXPECT_EQ(wait_event(*dealer, kAWhile), Event::kNone);
  EXPECT_EQ(dealer->send("hello").error().code, ErrorCode::kBusy);
}

TEST_F(ZmqGate, LetsAnyCurveKeyEnrol) {
  const auto enrolment = open_router("enrolment");
  const CurveKeys stranger = make_curve_keys();
  const auto dealer = connected_dealer(stranger, *enrolment);

  ASSERT_TRUE(dealer->send("let me in"));

  const auto message = wait_message(*enrolment);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->key, stranger.public_key);
}

TEST_F(ZmqGate, LetsNobodyEnrolWithoutCurve) {
  const auto enrolment = open_router("enrolment");
  RawClient null_client(context, ZMQ_DEALER);
  null_client.connect(enrolment->endpoint());
  null_client.send("NULL");
  RawClient plain_client(context, ZMQ_DEALER);
  plain_client.set(ZMQ_PLAIN_USERNAME, std::string("admin"));
  plain_client.set(ZMQ_PLAIN_PASSWORD, std::string("admin"));
  plain_client.connect(enrolment->endpoint());
  plain_client.send("PLAIN");

  EXPECT_EQ(wait_message(*enrolment, kAWhile), std::nullopt);
  EXPECT_EQ(enrolment->counters().dropped, 0U);
  EXPECT_GE(enrolment->counters().connections, 2U);
  EXPECT_EQ(enrolment->counters().admitted, 0U);
}

TEST_F(ZmqGate, CountsGarbageAndGoesOn) {
  const std::string greeting("\xff\0\0\0\0\0\0\0\1\x7f\3\0CURVE", 17);
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(4096, '\xff'),
                                   std::string(4096, '\0'), greeting + std::string(4096, '\x5a')}) {
    TcpPeer peer(router->endpoint());
    peer.send(bytes);
    EXPECT_TRUE(peer.is_closed_within(kSoon));
  }

  EXPECT_EQ(wait_event(*open_dealer(web1, *router)), Event::kConnected);
  EXPECT_EQ(router->counters().connections, 5U);
  EXPECT_EQ(router->counters().admitted, 1U);
}

TEST_F(ZmqGate, StaysOpenWhileConnectionsStall) {
  std::vector<std::unique_ptr<TcpPeer>> stalled;
  for (int i = 0; i < 200; ++i) stalled.push_back(std::make_unique<TcpPeer>(router->endpoint()));

  EXPECT_EQ(wait_event(*open_dealer(web1, *router), 5s), Event::kConnected);
  // They are not kept for libzmq's default of 30 s.
  for (const auto& peer : stalled) EXPECT_TRUE(peer->is_closed_within(6s));
}

TEST_F(ZmqGate, IsProvenByAProbe) {
  EXPECT_TRUE(probe_is_refused(context, router->endpoint(), server.public_key, kSoon));
  EXPECT_TRUE(probe_gate(context, *zap, router->endpoint(), server.public_key, kSoon));
}

TEST_F(ZmqGate, CanBeProbedWhereItListensOnAllAddresses) {
  const auto everywhere = open_router("agents", "tcp://*:*");

  EXPECT_TRUE(probe_gate(context, *zap, everywhere->endpoint(), server.public_key, kSoon));
}

TEST_F(ZmqGate, IsNotProvenWhileItsZapHandlerIsDead) {
  zap->stop();

  const auto refused = probe_is_refused(context, router->endpoint(), server.public_key, kAWhile);
  const auto proven = probe_gate(context, *zap, router->endpoint(), server.public_key, kAWhile);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTimeout);
  ASSERT_FALSE(proven);
  EXPECT_EQ(proven.error().code, ErrorCode::kTimeout);
}

TEST_F(ZmqGate, IsNotProvenWhenItLetsStrangersIn) {
  const auto open_door = open_router("enrolment");

  const auto proven = probe_gate(context, *zap, open_door->endpoint(), server.public_key, kSoon);

  ASSERT_FALSE(proven);
  EXPECT_EQ(proven.error().code, ErrorCode::kDenied);
}

TEST_F(ZmqGate, IsNotProvenWhenItLetsNobodyIn) {
  const auto closed = open_router("elsewhere");

  EXPECT_TRUE(probe_is_refused(context, closed->endpoint(), server.public_key, kSoon));
  EXPECT_FALSE(probe_gate(context, *zap, closed->endpoint(), server.public_key, kSoon));
}

// An I/O thread reports what a socket does to whoever watches it, and waits for good where nobody
// is left to take the report; the connections it serves then hear nothing more.
TEST_F(ZmqGate, OpensAndClosesWhileOthersConnect) {
  for (int i = 0; i < 200; ++i) {
    const auto closing = open_router("agents");
    const auto dealer = open_dealer(web1, *closing);
    if (i % 2 == 0) continue;
    ASSERT_EQ(wait_event(*dealer), Event::kConnected) << "router " << i;
  }

  EXPECT_EQ(wait_event(*open_dealer(web1, *router)), Event::kConnected);
}

TEST_F(ZmqGate, ForgetsTheProbesKey) {
  const CurveKeys key = make_curve_keys();
  zap->admit_probe(key.public_key);
  ASSERT_EQ(wait_event(*open_dealer(key, *router)), Event::kConnected);

  zap->admit_probe("");

  EXPECT_EQ(wait_event(*open_dealer(key, *router)), Event::kRefused);
}

}  // namespace
}  // namespace rollback
