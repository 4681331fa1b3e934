// SPDX-License-Identifier: Apache-2.0
#include "tests/power/write_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace rollback {
namespace {

constexpr CrashBudget kAll{1000, 200, 200};

BlockEvent write(std::uint64_t sector, char letter, std::uint64_t sectors = 1) {
  const auto size = sectors * kSector;
  return {BlockEvent::Kind::kWrite, sector * kSector, size, std::string(size, letter)};
}
const BlockEvent kFlush{};

// Sectors as letters: '.' before the first write.
std::string disk_of(const WriteLog& log, const CrashState& state) {
  std::string disk(8, '.');
  for_each_write(log, state, [&](const BlockEvent& event, std::uint64_t from, std::uint64_t to) {
    for (auto at = from; at < to; at += kSector)
      disk[(event.offset + at) / kSector] = event.bytes[at];
  });
  return disk;
}

std::string_view zeroes(std::uint64_t, std::uint64_t size) {
  static const std::string bytes(kBlock, '\0');
  return std::string_view(bytes).substr(0, size);
}

std::vector<std::string> disks_of(const WriteLog& log, const CrashBudget& budget) {
  SeededRandom random(1);
  std::unordered_set<std::uint64_t> seen;
  std::vector<std::string> disks;
  for (const auto& chosen : CrashStates(log, zeroes).choose(budget, random, seen))
    disks.push_back(disk_of(log, chosen.state));
  std::sort(disks.begin(), disks.end());
  return disks;
}

using Disks = std::vector<std::string>;

TEST(CrashStates, HoldEveryPrefix) {
  const WriteLog log{write(0, 'a'), kFlush, write(1, 'b'), write(0, 'c')};
  EXPECT_EQ(disks_of(log, {100, 0, 0}), (Disks{"a.......", "ab......", "cb......"}));
}

TEST(CrashStates, LoseAnyWritesSinceTheLastFlushAndNoOthers) {
  const WriteLog log{write(0, 'a'), kFlush, write(1, 'b'), write(2, 'c'), kFlush, write(3, 'd')};
  EXPECT_EQ(disks_of(log, kAll),
            (Disks{"a.......", "a.c.....", "ab......", "abc.....", "abcd...."}));
}

TEST(CrashStates, TearAWriteAtASector) {
  const WriteLog log{write(0, 'a'), kFlush, write(1, 'b', 3)};
  EXPECT_EQ(disks_of(log, {0, 0, 100}), (Disks{"a..b....", "a.bb....", "ab......", "abb....."}));
}

TEST(CrashStates, DifferOnTheDisk) {
  const WriteLog log{write(0, 'a', 2), write(0, 'a'), write(4, 'b', 2), kFlush, write(0, 'c', 2)};
  const auto disks = disks_of(log, kAll);
  EXPECT_EQ(std::set<std::string>(disks.begin(), disks.end()).size(), disks.size());
}

TEST(CrashStates, WhatWasThereBeforeIsNoChange) {
  WriteLog log{write(0, '\0'), write(1, 'b')};
  const CrashStates states(log, zeroes);
  CrashState first;
  first.cut = 1;
  EXPECT_EQ(states.fingerprint(first), states.fingerprint({}));
  CrashState second;
  second.cut = 2;
  EXPECT_NE(states.fingerprint(second), states.fingerprint({}));
}

// A recovery that is cut begins with a crash state of another log.
TEST(CrashStates, OverAnotherStateHaveTheFingerprintOfTheWhole) {
  const WriteLog whole{write(0, 'a'), write(1, 'b'), write(0, 'c')};
  const WriteLog below{write(0, 'a'), write(1, 'b')};
  const WriteLog above{write(0, 'c')};
  const std::string a(kSector, 'a');
  const CrashStates over(above, [&](std::uint64_t, std::uint64_t) { return std::string_view(a); });
  CrashState one, two, three;
  one.cut = 1;
  two.cut = 2;
  three.cut = 3;
  EXPECT_EQ(CrashStates(whole, zeroes).fingerprint(three),
            CrashStates(below, zeroes).fingerprint(two) ^ over.fingerprint(one));
}

TEST(CrashStates, BeginWithThoseAskedForAndAreTheSameForTheSameSeed) {
  WriteLog log;
  for (std::uint64_t i = 0; i < 8; ++i) {
    log.push_back(write(i, 'x'));
    log.push_back(kFlush);
  }
  const CrashBudget budget{2, 0, 0, {7, 12}};
  const auto disks = disks_of(log, budget);
  EXPECT_EQ(disks, (Disks{"xxxx....", "xxxxxx.."}));
  EXPECT_EQ(disks_of(log, {3, 5, 0}), disks_of(log, {3, 5, 0}));
}

}  // namespace
}  // namespace rollback
