// SPDX-License-Identifier: Apache-2.0
// Whatever interrupts a run of nginx, a unit and its binary: files, units, record and history end
// at one of two states, and say which.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/proof/engine_subject.h"
#include "tests/proof/proof.h"
#include "tests/support/effort.h"
#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

const auto* const kAtLeast = ::testing::AddGlobalTestEnvironment(new AtLeast(200, 5'000));

class DisturbedRun : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { host_ = new EngineHost; }
  static void TearDownTestSuite() { delete host_; }
  inline static EngineHost* host_ = nullptr;

  static Coverage coverage() {
    auto coverage = coverage_of_this_run();
    coverage.kill_at_reads = false;
    if (covers_all()) return coverage;
    coverage.kill_every = 2;
    coverage.fail_every = 48;
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
  if (!covers_all()) some.kill_every = 4;
  if (is_nightly()) some.counted = Counted::kMutating;  // what it reads is what a green run reads
  disturb_everywhere(subject, some, proof.findings());
}

// Calls at which a killed run leaves something else than before: at each record of the journal,
// each action of systemd, and between changes of files.
std::vector<int> turning_points(const std::vector<CountedCall>& calls) {
  std::vector<int> points;
  int renames = 0;
  for (int at = 0; at < static_cast<int>(calls.size()); ++at) {
    const auto& call = calls[static_cast<std::size_t>(at)];
    if (call.outside || call.name == "fdatasync" ||
        (call.name == "renameat2" && ++renames % 4 == 1))
      points.push_back(at);
  }
  return points;
}

TEST_F(DisturbedRun, IsFinishedByADisturbedRestart) {
  const Proof proof("nginx, unit and binary, the restart after a kill");
  for (const auto gate : {Gate::kGreen, Gate::kRed}) {
    RunSubject whole(*host_, gate);
    const auto calls = calls_of(whole, Counted::kMutating, proof.findings());
    const auto points = turning_points(calls);
    const std::size_t step = is_nightly() ? 4 : covers_all() ? 1 : 13;
    for (std::size_t i = seed_of_this_run() % step; i < points.size(); i += step) {
      RestartSubject subject(*host_, gate, points[i]);
      auto some = coverage();
      if (!covers_all()) some.kill_every = 4;
      if (is_nightly()) some = {Counted::kMutating, true, 1, 6, 12};  // many restarts
      disturb_everywhere(subject, some, proof.findings());
    }
  }
}

}  // namespace
}  // namespace rollback
