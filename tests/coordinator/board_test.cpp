// SPDX-License-Identifier: Apache-2.0
#include "coordinator/fleet/board.h"

#include <gtest/gtest.h>

namespace rollback {
namespace {

using std::chrono::seconds;

HostRecord host(char number) {
  HostRecord record;
  std::string bytes(16, '\0');
  bytes[0] = number;
  record.id = *HostId::from_bytes(bytes);
  record.name = std::string("web") + number;
  record.public_key = std::string(40, number);
  return record;
}

void report(Board& board, const HostRecord& from, const std::string& release, Verdict verdict) {
  StatusItem status;
  status.release = release;
  HealthItem health;
  health.verdict = verdict;
  board.heard(from.id, BootTime{1}, WallTime{100});
  board.reported(from.id, status, health);
}

TEST(Board, CallsAHostOnlineFromItsLastHeartbeatToTheLimit) {
  Board board;
  EXPECT_FALSE(board.is_online(host('1').id, BootTime{1}));
  board.heard(host('1').id, BootTime{1}, WallTime{1});
  EXPECT_TRUE(board.is_online(host('1').id, BootTime{1} + Board::kOfflineAfter));
  EXPECT_FALSE(board.is_online(host('1').id, BootTime{2} + Board::kOfflineAfter));
}

TEST(Board, CallsALostHostOfflineAtOnceAndRemembersItsLastReport) {
  Board board;
  report(board, host('1'), "v2.4.1", Verdict::kHealthy);
  board.lost(host('1').id);
  const auto item = board.item(host('1'), BootTime{1});
  EXPECT_FALSE(item.online);
  EXPECT_EQ(item.status.release, "v2.4.1");
  EXPECT_EQ(item.last_seen, WallTime{100});
  board.heard(host('1').id, BootTime{2}, WallTime{101});
  EXPECT_TRUE(board.is_online(host('1').id, BootTime{2}));
}

TEST(Board, SumsUpHealthAndReleases) {
  Board board;
  report(board, host('1'), "v2.4.1", Verdict::kHealthy);
  report(board, host('2'), "v2.5.0", Verdict::kUnhealthy);
  report(board, host('3'), "v2.4.1", Verdict::kHealthy);
  const std::vector<HostRecord> hosts = {host('1'), host('2'), host('3'), host('4')};
  EXPECT_EQ(board.summary(hosts, BootTime{1}),
            "4 hosts: 2 healthy, 1 offline, 1 unhealthy; releases: v2.4.1 on 2, v2.5.0 on 1 "
            "(split)");
  EXPECT_EQ(board.summary({host('1')}, BootTime{1}), "1 host: 1 healthy; releases: v2.4.1 on 1");
  EXPECT_EQ(board.summary({}, BootTime{1}), "0 hosts: none; releases: none");
}

TEST(Board, VerdictIsTheWorstOfTheHosts) {
  Board board;
  report(board, host('1'), "v2.4.1", Verdict::kHealthy);
  EXPECT_EQ(board.verdict({host('1')}, BootTime{1}), Verdict::kHealthy);
  report(board, host('2'), "v2.4.1", Verdict::kDegraded);
  report(board, host('3'), "v2.4.1", Verdict::kUnknown);
  EXPECT_EQ(board.verdict({host('1'), host('2'), host('3')}, BootTime{1}), Verdict::kDegraded);
  EXPECT_EQ(board.verdict({host('1'), host('3')}, BootTime{1}), Verdict::kUnknown);
  EXPECT_EQ(board.verdict({host('1'), host('4')}, BootTime{1}), Verdict::kUnhealthy);
}

}  // namespace
}  // namespace rollback
