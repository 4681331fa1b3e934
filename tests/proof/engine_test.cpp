// SPDX-License-Identifier: Apache-2.0
// Whatever interrupts a run of nginx, a unit and its binary: files, units, record and history end
// at one of two states, and say which.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/proof/engine_subject.h"
#include "tests/proof/proof.h"
#include "tests/support/effort.h"

namespace rollback {
namespace {

class DisturbedRun : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { host_ = new EngineHost; }
  static void TearDownTestSuite() { delete host_; }
  inline static EngineHost* host_ = nullptr;

  static Coverage coverage() {
    auto coverage = coverage_of_this_run();
    if (!is_nightly()) coverage.fail_every = 24;
    return coverage;
  }
};

TEST_F(DisturbedRun, IsDecided) {
  const Proof proof("nginx, unit and binary");
  RunSubject subject(*host_, Gate::kGreen);
  disturb_everywhere(subject, coverage(), proof.findings());
}

TEST_F(DisturbedRun, IsDecidedWhileItIsUndone) {
  const Proof proof("nginx, unit and binary, with a red gate");
  RunSubject subject(*host_, Gate::kRed);
  auto some = coverage();
  if (!is_nightly()) some.kill_every = 2;
  disturb_everywhere(subject, some, proof.findings());
}

// Runs that were killed where something becomes different: at each action of systemd and between
// changes of files.
TEST_F(DisturbedRun, IsFinishedByADisturbedRestart) {
  const Proof proof("nginx, unit and binary, the restart after a kill");
  for (const auto gate : {Gate::kGreen, Gate::kRed}) {
    RunSubject whole(*host_, gate);
    const auto calls = calls_of(whole, Counted::kMutating, proof.findings());
    std::set<int> points;
    int renames = 0;
    for (int at = 0; at < static_cast<int>(calls.size()); ++at) {
      const auto& name = calls[static_cast<std::size_t>(at)].name;
      if (name == "systemd" || (name == "renameat2" && ++renames % 4 == 1)) points.insert(at);
    }
    int turn = 0;
    for (const int point : points) {
      if (!is_nightly() && turn++ % 6 != 3) continue;
      RestartSubject subject(*host_, gate, point);
      auto some = coverage();
      if (!is_nightly()) some.kill_every = 4;
      disturb_everywhere(subject, some, proof.findings());
    }
  }
}

}  // namespace
}  // namespace rollback
