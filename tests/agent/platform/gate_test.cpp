// SPDX-License-Identifier: Apache-2.0
#include "agent/health/gate.h"

#include <gmock/gmock.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_service_manager.h"

namespace rollback {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Answers each round as the test says; a round takes no time.
class ScriptedProber final : public Prober {
 public:
  std::function<bool(int round, const ProbeSpec& spec)> is_green = [](int, const ProbeSpec&) {
    return true;
  };
  std::function<void(int round)> on_round = [](int) {};
  int rounds = 0;

  std::vector<ProbeResult> round(const std::vector<ProbeSpec>& specs) override {
    ++rounds;
    on_round(rounds);
    std::vector<ProbeResult> results;
    for (const auto& spec : specs) {
      const bool green = is_green(rounds, spec);
      results.push_back({spec.name, green, spec.required,
                         green ? "HTTP 200" : "HTTP 502, expected 200", milliseconds(3)});
    }
    return results;
  }
};

class GateTest : public testing::Test {
 protected:
  GateTest() {
    input_.spec = {3, milliseconds(500), seconds(60), seconds(10)};
    input_.deadline = clock_.boot() + seconds(300);
    input_.probes = {probe("shop answers")};
    input_.units = {"shop.service"};
    services_.add("shop.service");
  }

  static ProbeSpec probe(const std::string& name) {
    ProbeSpec spec;
    spec.name = name;
    return spec;
  }

  GateResult run() {
    const GateWait wait = [&](BootTime until) {
      if (until > clock_.boot()) clock_.advance(until - clock_.boot());
      return clock_.boot() >= abort_at_;
    };
    return run_gate(input_, prober_, services_, clock_, wait,
                    [&](const std::string& line) { reports_.push_back(line); });
  }

  FakeClock clock_;
  FakeServiceManager services_;
  ScriptedProber prober_;
  GateInput input_;
  BootTime abort_at_{std::numeric_limits<std::int64_t>::max()};
  std::vector<std::string> reports_;
};

TEST_F(GateTest, IsGreenAfterSuccessesInARowAndTheSoak) {
  const BootTime begin = clock_.boot();
  const GateResult result = run();
  EXPECT_TRUE(result.green);
  EXPECT_THAT(result.reasons, IsEmpty());
  EXPECT_EQ(result.probes.size(), 1U);
  EXPECT_EQ(clock_.boot() - begin, seconds(11));  // 3 rounds, 500 ms apart, then 10 s
  EXPECT_EQ(prober_.rounds, 3 + 20);
  EXPECT_EQ(reports_.back(), "green");
}

TEST_F(GateTest, CountsOnlySuccessesInARow) {
  prober_.is_green = [](int round, const ProbeSpec&) { return round != 3; };
  EXPECT_TRUE(run().green);
  EXPECT_EQ(prober_.rounds, 6 + 20);
}

TEST_F(GateTest, IsRedAfterTheWindowAndQuotesTheProbe) {
  const BootTime begin = clock_.boot();
  prober_.is_green = [](int, const ProbeSpec&) { return false; };
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  EXPECT_EQ(clock_.boot() - begin, seconds(60));
  EXPECT_THAT(result.reasons, ElementsAre("not green 3 times in a row within 1 min 0 s",
                                          "probe shop answers: HTTP 502, expected 200"));
}

TEST_F(GateTest, IsRedWhileAnythingElseIs) {
  int rounds = 0;
  input_.others = [&] {
    return ++rounds > 5 ? std::vector<std::string>{"web is exited"} : std::vector<std::string>{};
  };
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.reasons, ElementsAre("turned red during the soak", "web is exited"));
}

TEST_F(GateTest, AProbeThatFlapsInTheWindowNeverPasses) {
  prober_.is_green = [](int round, const ProbeSpec&) { return round % 3 != 0; };
  EXPECT_FALSE(run().green);
}

TEST_F(GateTest, TheRunsDeadlineCutsTheWindow) {
  const BootTime begin = clock_.boot();
  input_.deadline = begin + seconds(5);
  prober_.is_green = [](int, const ProbeSpec&) { return false; };
  EXPECT_FALSE(run().green);
  EXPECT_EQ(clock_.boot() - begin, seconds(5));
}

TEST_F(GateTest, IsRedWhenTheSoakDoesNotFitBeforeTheDeadline) {
  input_.deadline = clock_.boot() + seconds(5);
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.reasons, Contains(HasSubstr("no time left for the soak")));
}

TEST_F(GateTest, IsRedWhenAProbeTurnsRedInTheSoak) {
  prober_.is_green = [](int round, const ProbeSpec&) { return round < 15; };
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  EXPECT_EQ(prober_.rounds, 15);
  EXPECT_THAT(result.reasons, ElementsAre("turned red during the soak",
                                          "probe shop answers: HTTP 502, expected 200"));
}

TEST_F(GateTest, AnAdvisoryProbeNeverTurnsItRed) {
  input_.probes.push_back(probe("metrics"));
  input_.probes.back().required = false;
  prober_.is_green = [](int, const ProbeSpec& spec) { return spec.required; };
  const GateResult result = run();
  EXPECT_TRUE(result.green);
  ASSERT_EQ(result.probes.size(), 2U);
  EXPECT_FALSE(result.probes[1].green);
}

TEST_F(GateTest, IsRedWhenAUnitRestartsInTheSoakThoughEveryProbeIsGreen) {
  services_.logs["shop.service"] = {"panic: out of cheese"};
  prober_.on_round = [&](int round) {
    if (round == 10) services_.crash_and_restart("shop.service");
  };
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  EXPECT_EQ(prober_.rounds, 10);
  EXPECT_THAT(result.reasons, ElementsAre("restarted during the soak: shop.service",
                                          "unit shop.service is active (running), restarts 1",
                                          "log of shop.service: panic: out of cheese"));
}

TEST_F(GateTest, NoticesARestartByHandWhichDoesNotCountInNRestarts) {
  prober_.on_round = [&](int round) {
    if (round != 10) return;
    (void)services_.stop("shop.service", seconds(1));
    (void)services_.start("shop.service", seconds(1));
  };
  EXPECT_THAT(run().reasons, Contains("restarted during the soak: shop.service"));
}

TEST_F(GateTest, ARestartBetweenSuccessesBeginsTheRowAgain) {
  prober_.on_round = [&](int round) {
    if (round == 3) services_.crash_and_restart("shop.service");
  };
  EXPECT_TRUE(run().green);
  EXPECT_EQ(prober_.rounds, 5 + 20);
}

TEST_F(GateTest, ReportsTheStateExitStatusAndLastTwentyLogLinesOfARedUnit) {
  services_.fail_unit("shop.service", 3);
  for (int line = 1; line <= 25; ++line)
    services_.logs["shop.service"].push_back("line " + std::to_string(line));
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  ASSERT_EQ(result.reasons.size(), 2U + 20U);
  EXPECT_EQ(result.reasons[1],
            "unit shop.service is failed (failed), result exit-code, exit status 3, restarts 0");
  EXPECT_EQ(result.reasons[2], "log of shop.service: line 6");
  EXPECT_EQ(result.reasons.back(), "log of shop.service: line 25");
}

TEST_F(GateTest, QuotesTheLogOfAUnitThatOnlyAProbeWatches) {
  input_.units.clear();
  input_.probes[0].kind = ProbeKind::kUnit;
  input_.probes[0].target = "worker.service";
  services_.logs["worker.service"] = {"cannot bind"};
  prober_.is_green = [](int, const ProbeSpec&) { return false; };
  EXPECT_THAT(run().reasons, Contains("log of worker.service: cannot bind"));
}

TEST_F(GateTest, IsRedWhenSystemdCannotBeAsked) {
  services_.bus_is_gone = true;
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  EXPECT_THAT(result.reasons,
              Contains(HasSubstr("shop.service cannot be asked: systemd does not")));
}

TEST_F(GateTest, EndsAtOnceWhenTheRunIsAborted) {
  const BootTime begin = clock_.boot();
  abort_at_ = begin + seconds(4);
  const GateResult result = run();
  EXPECT_FALSE(result.green);
  EXPECT_EQ(clock_.boot() - begin, seconds(4));
  EXPECT_THAT(result.reasons, ElementsAre("aborted during the soak"));
}

TEST_F(GateTest, SaysEachThingOnce) {
  prober_.is_green = [](int round, const ProbeSpec&) { return round > 5; };
  EXPECT_TRUE(run().green);
  EXPECT_THAT(reports_, ElementsAre("red: shop answers: HTTP 502, expected 200",
                                    "green 1 of 3 times", "green 2 of 3 times",
                                    "green 3 times in a row; watching for 10.00 s", "green"));
}

}  // namespace
}  // namespace rollback
