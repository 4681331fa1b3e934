// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "tests/coordinator/simulated_fleet.h"

namespace rollback::testing {
namespace {

constexpr std::uint64_t kRuns = 2000;

TEST(RolloutSimulation, KeepsEveryPromiseWhateverFails) {
  const std::uint64_t first = seed_of_this_run();
  std::map<int, std::size_t> exits;
  for (std::uint64_t seed = first; seed < first + kRuns; ++seed) {
    SimulatedFleet fleet(seed);
    fleet.run();
    fleet.check_end();
    ++exits[fleet.state().exit_code];
    ASSERT_TRUE(fleet.broken().empty())
        << fleet.broken().front() << "; ROLLBACK_SEED=" << seed << " begins with this run";
  }
  // The simulation is worth something only while it reaches every kind of end.
  for (const ExitCode exit : {ExitCode::kDone, ExitCode::kRefused, ExitCode::kRestored,
                              ExitCode::kInconsistent, ExitCode::kPartial, ExitCode::kTimedOut})
    EXPECT_GT(exits[static_cast<int>(exit)], 0U) << static_cast<int>(exit);
}

}  // namespace
}  // namespace rollback::testing
