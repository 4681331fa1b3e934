// SPDX-License-Identifier: Apache-2.0
#include "agent/health/probes.h"

#include <gmock/gmock.h>

#include <future>

#include "tests/agent/platform/local_server.h"
#include "tests/support/fake_service_manager.h"

namespace rollback {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class FakePrograms final : public ProgramRunner {
 public:
  Result<ProgramOutcome> answer = ProgramOutcome{};
  std::vector<ProgramRequest> requests;
  Result<ProgramOutcome> run(const ProgramRequest& request) override {
    requests.push_back(request);
    return answer;
  }
};

class ProbesTest : public testing::Test {
 protected:
  static ProbeSpec http(const std::string& url, milliseconds timeout = seconds(5)) {
    ProbeSpec spec;
    spec.kind = ProbeKind::kHttp;
    spec.name = "http " + url;
    spec.target = url;
    spec.timeout = timeout;
    return spec;
  }
  static ProbeSpec tcp(const std::string& address) {
    ProbeSpec spec = http(address);
    spec.kind = ProbeKind::kTcp;
    return spec;
  }
  ProbeResult ask(const ProbeSpec& spec) {
    auto results = prober_.round({spec});
    EXPECT_EQ(results.size(), 1U);
    EXPECT_LE(results.at(0).answer.size(), 1024U);
    EXPECT_EQ(results.at(0).answer.find_first_of("\n\r\x1b"), std::string::npos);
    return results.at(0);
  }
  static std::string response(const std::string& status, const std::string& body,
                              const std::string& headers = "") {
    return "HTTP/1.1 " + status + "\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  SystemClock clock_;
  FakeServiceManager services_;
  FakePrograms programs_;
  HostProber prober_{services_, programs_, clock_};
};

TEST_F(ProbesTest, IsGreenOnTheExpectedStatus) {
  const LocalServer server(response("200 OK", "shop v2.4.1"));
  const ProbeResult result = ask(http(server.url()));
  EXPECT_TRUE(result.green);
  EXPECT_EQ(result.answer, "HTTP 200");
  EXPECT_GT(result.took, Duration::zero());
}

TEST_F(ProbesTest, IsRedOnABadGateway) {
  const LocalServer server(response("502 Bad Gateway", "nginx"));
  const ProbeResult result = ask(http(server.url()));
  EXPECT_FALSE(result.green);
  EXPECT_EQ(result.answer, "HTTP 502, expected 200");
}

TEST_F(ProbesTest, FollowsNoRedirect) {
  const LocalServer target(response("200 OK", "metadata"));
  const LocalServer server(response("302 Found", "", "Location: " + target.url() + "\r\n"));
  const ProbeResult result = ask(http(server.url()));
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.answer, HasSubstr("HTTP 302, expected 200; it redirects to " + target.url()));
}

TEST_F(ProbesTest, DrippingHeadersHitTheTotalDeadline) {
  const LocalServer server([](int connection) {
    read_request(connection);
    bool open = send_text(connection, "HTTP/1.1 200 OK\r\nX-Slow: ");
    // A byte every 20 ms keeps any idle timeout from firing; it ends when the prober hangs up.
    while (open) {
      std::this_thread::sleep_for(milliseconds(20));
      open = send_text(connection, "z");
    }
  });
  const BootTime begin = clock_.boot();
  const ProbeResult result = ask(http(server.url(), milliseconds(300)));
  const Duration took = clock_.boot() - begin;
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.answer, HasSubstr("no complete answer within 300 ms"));
  EXPECT_GE(took, milliseconds(290));
  EXPECT_LT(took, seconds(2));
}

TEST_F(ProbesTest, IsRedOnAClosedPort) {
  const std::string address = closed_address();
  const ProbeResult web = ask(http("http://" + address + "/"));
  EXPECT_FALSE(web.green);
  EXPECT_THAT(web.answer, HasSubstr("onnect"));
  const ProbeResult plain = ask(tcp(address));
  EXPECT_FALSE(plain.green);
  EXPECT_THAT(plain.answer, HasSubstr("onnect"));
}

TEST_F(ProbesTest, TcpIsGreenOnceConnected) {
  const LocalServer server("");
  EXPECT_TRUE(ask(tcp(server.address())).green);
  EXPECT_THAT(ask(tcp("localhost")).answer, HasSubstr("is not host:port"));
  EXPECT_THAT(ask(tcp("127.0.0.1/x:80")).answer, HasSubstr("is not host:port"));
}

TEST_F(ProbesTest, AMachineIsReachedThatAnswersAtAll) {
  const auto reach = [this](const std::string& address) {
    ProbeSpec spec = tcp(address);
    spec.kind = ProbeKind::kReach;
    spec.timeout = milliseconds(300);
    return ask(spec);
  };
  const LocalServer server("");
  EXPECT_TRUE(reach(server.address()).green);
  const auto refused = reach(closed_address());
  EXPECT_TRUE(refused.green);
  EXPECT_THAT(refused.answer, HasSubstr("onnect"));
  EXPECT_FALSE(reach("255.255.255.255:9").green);  // nothing is sent there
  EXPECT_FALSE(reach("no.such.host.invalid:9").green);
}

TEST_F(ProbesTest, LooksForTheExpectedBody) {
  const LocalServer server(response("200 OK", "shop v2.5.0"));
  ProbeSpec spec = http(server.url());
  spec.expect_body = "v2.4.1";
  EXPECT_FALSE(ask(spec).green);
  EXPECT_EQ(ask(spec).answer, "HTTP 200, but the body does not contain 'v2.4.1'");
  spec.expect_body = "v2.5.0";
  EXPECT_TRUE(ask(spec).green);
}

TEST_F(ProbesTest, ReadsAtMost64KiBOfABody) {
  std::promise<bool> hung_up;
  const LocalServer server([&](int connection) {
    read_request(connection);
    bool open = send_text(connection, "HTTP/1.1 200 OK\r\n\r\nbegin");
    const std::string more(64 * 1024, 'x');
    for (int chunk = 0; open && chunk < 1024; ++chunk) open = send_text(connection, more);
    hung_up.set_value(!open);
  });
  ProbeSpec spec = http(server.url());
  spec.expect_body = "the end";
  const ProbeResult result = ask(spec);
  EXPECT_FALSE(result.green);
  EXPECT_EQ(result.answer, "HTTP 200, but the first 64 KiB of the body does not contain 'the end'");
  EXPECT_TRUE(hung_up.get_future().get());  // before the 64 MiB were through
}

TEST_F(ProbesTest, ALongBodyWithTheRightStatusIsGreen) {
  const LocalServer server(response("200 OK", std::string(300 * 1024, 'x')));
  EXPECT_TRUE(ask(http(server.url())).green);
}

TEST_F(ProbesTest, AsksOnlyHttpAndHttps) {
  const ProbeResult result = ask(http("file:///etc/hostname"));
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.answer, HasSubstr("rotocol"));
}

TEST_F(ProbesTest, AnAnswerIsOnePrintableLine) {
  const LocalServer server(
      response("302 Found", "", "Location: http://h/\x1b[2J" + std::string(3000, 'a') + "\r\n"));
  EXPECT_FALSE(ask(http(server.url())).green);  // ask() checks the line
}

TEST_F(ProbesTest, ARoundTakesAsLongAsItsSlowestProbe) {
  const auto hold = [](int connection) {
    read_request(connection);
    read_request(connection);  // until the peer hangs up
  };
  const LocalServer one(hold), two(hold), three(hold);
  const LocalServer good(response("200 OK", ""));
  const BootTime begin = clock_.boot();
  const auto results =
      prober_.round({http(one.url(), milliseconds(400)), http(two.url(), milliseconds(400)),
                     http(three.url(), milliseconds(400)), http(good.url())});
  EXPECT_LT(clock_.boot() - begin, milliseconds(1100));
  ASSERT_EQ(results.size(), 4U);
  EXPECT_FALSE(results[0].green || results[1].green || results[2].green);
  EXPECT_TRUE(results[3].green) << results[3].answer;
}

TEST_F(ProbesTest, AUnitIsGreenWhileActive) {
  services_.add("shop.service");
  ProbeSpec spec;
  spec.kind = ProbeKind::kUnit;
  spec.target = "shop.service";
  spec.timeout = milliseconds(700);
  EXPECT_TRUE(ask(spec).green);
  EXPECT_EQ(services_.unit_deadline, milliseconds(700));
  services_.fail_unit("shop.service", 203);
  EXPECT_FALSE(ask(spec).green);
  EXPECT_EQ(ask(spec).answer, "failed (failed), result exit-code, exit status 203");
  services_.remove("shop.service");
  EXPECT_EQ(ask(spec).answer, "not-found");
  services_.bus_is_gone = true;
  EXPECT_FALSE(ask(spec).green);
}

TEST_F(ProbesTest, AProgramIsGreenOnExitZeroAndQuotedOtherwise) {
  ProbeSpec spec;
  spec.kind = ProbeKind::kExec;
  spec.argv = {"/usr/bin/check", "--fast"};
  spec.timeout = milliseconds(700);
  EXPECT_TRUE(ask(spec).green);
  ASSERT_EQ(programs_.requests.size(), 1U);
  EXPECT_EQ(programs_.requests[0].argv, spec.argv);
  EXPECT_EQ(programs_.requests[0].deadline, milliseconds(700));
  programs_.answer = ProgramOutcome{1, "checking\nqueue is \x1b[31mfull\n\n", false};
  EXPECT_FALSE(ask(spec).green);
  EXPECT_EQ(ask(spec).answer, "exit status 1: queue is \\x1b[31mfull");
  programs_.answer = fail(ErrorCode::kTimeout, "/usr/bin/check was killed");
  EXPECT_EQ(ask(spec).answer, "/usr/bin/check was killed");
}

TEST_F(ProbesTest, AnswersComeInTheOrderOfTheQuestions) {
  const LocalServer server(response("200 OK", ""));
  services_.add("shop.service");
  ProbeSpec unit;
  unit.kind = ProbeKind::kUnit;
  unit.target = unit.name = "shop.service";
  const auto results = prober_.round({tcp(server.address()), unit, http(server.url())});
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].answer, "connected");
  EXPECT_EQ(results[1].name, "shop.service");
  EXPECT_EQ(results[2].answer, "HTTP 200");
}

}  // namespace
}  // namespace rollback
