// SPDX-License-Identifier: Apache-2.0
#include "cli/output/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "cli/output/text.h"
#include "tests/cli/session_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::HasSubstr;

RolloutRecord rollout(std::size_t hosts) {
  RolloutRecord record;
  record.id = *RunId::parse("0000000000aa");
  record.to = "v2.4.1";
  record.state = RolloutState::kWaving;
  for (std::size_t i = 1; i <= hosts; ++i) {
    RolloutHost host;
    host.name = "web" + std::to_string(i);
    host.phase = HostPhase::kReady;
    host.wave = 1;
    record.hosts.push_back(host);
  }
  return record;
}

TEST(LiveView, ShowsTimeAgainstTheBudgetAndTroubleFirst) {
  const SessionFixture fixture;
  Board board(fixture.session);
  auto record = rollout(3);
  record.hosts[1].phase = HostPhase::kCommitting;
  record.hosts[1].run_phase = RunPhase::kGating;
  record.hosts[2].phase = HostPhase::kRestored;
  record.hosts[2].findings = {"gate was red"};
  board.take(reply_of(record));
  const auto text = board.str(record.started + std::chrono::seconds(75), 24);
  EXPECT_THAT(text, HasSubstr("0000000000aa -> v2.4.1  waving  1:15 of 5:00"));
  EXPECT_LT(text.find("web3"), text.find("web2"));
  EXPECT_LT(text.find("web2"), text.find("web1"));
  EXPECT_THAT(text, HasSubstr("gate was red"));
}

TEST(LiveView, FitsIntoTheTerminal) {
  const SessionFixture fixture;
  Board board(fixture.session);
  auto record = rollout(300);
  for (auto& host : record.hosts) host.findings = {std::string(200, 'x')};
  board.take(reply_of(record));
  for (const std::size_t height : {5U, 10U, 24U}) {
    std::istringstream text(board.str(record.started, height));
    std::size_t lines = 0;
    for (std::string line; std::getline(text, line); ++lines) EXPECT_LE(columns_of(line), 80U);
    EXPECT_LE(lines, height - 1);  // the cursor stands on the last
  }
  EXPECT_THAT(board.str(record.started, 10), HasSubstr("more hosts"));
}

TEST(LiveView, ShowsTheLastEventOfAHostAtWork) {
  const SessionFixture fixture;
  Board board(fixture.session);
  auto record = rollout(1);
  record.hosts[0].phase = HostPhase::kCommitting;
  board.take(reply_of(record));
  EventItem item;
  item.event.phase = RunPhase::kGating;
  item.event.text = "probe 2 of 3";
  board.take(reply_of(item, "web1"));
  const auto text = board.str(record.started, 24);
  EXPECT_THAT(text, HasSubstr("probe 2 of 3"));
  EXPECT_THAT(text, HasSubstr(std::string("committing (") +
                              std::string(to_string(RunPhase::kGating)) + ")"));
}

}  // namespace
}  // namespace rollback::testing
