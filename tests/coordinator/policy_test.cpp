// SPDX-License-Identifier: Apache-2.0
#include "tests/coordinator/rollout_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kDone = HostPhase::kDone;
constexpr auto kRestored = HostPhase::kRestored;
constexpr auto kBroken = HostPhase::kInconsistent;
constexpr auto kSkipped = HostPhase::kSkipped;
constexpr auto kUnknown = HostPhase::kUnknown;
constexpr auto kUndone = HostPhase::kUndone;
constexpr auto kUnready = HostPhase::kUnready;
constexpr auto kOffline = HostPhase::kOffline;

RolloutRecord with(const std::vector<HostPhase>& phases) {
  RolloutRecord state = rollout_of(phases.size());
  for (std::size_t i = 0; i < phases.size(); ++i) {
    state.hosts[i].phase = phases[i];
    state.hosts[i].changed = true;
  }
  return state;
}

struct ExitCase {
  std::vector<HostPhase> phases;
  std::uint32_t wave;
  ExitCode expected;
};

TEST(RolloutExitCode, GoesByTheWorstInTheOrderOfPrecedence) {
  const std::vector<ExitCase> cases = {
      {{}, 0, ExitCode::kDone},
      {{kDone, kDone}, 1, ExitCode::kDone},
      {{kBroken, kDone, kUnknown, kRestored}, 1, ExitCode::kInconsistent},
      {{kDone, kRestored, kUnknown}, 1, ExitCode::kPartial},
      {{kDone, kSkipped}, 1, ExitCode::kPartial},
      {{kDone, kOffline}, 1, ExitCode::kPartial},
      {{kDone, kUnknown}, 1, ExitCode::kTimedOut},
      {{kRestored, kUnknown}, 1, ExitCode::kTimedOut},
      {{kRestored, kSkipped}, 1, ExitCode::kRestored},
      {{kUndone, kUndone}, 2, ExitCode::kRestored},
      {{kUnready, kSkipped}, 0, ExitCode::kRefused},
      {{kUnready, kSkipped}, 1, ExitCode::kRefused},
  };
  for (const auto& each : cases) {
    RolloutRecord state = with(each.phases);
    state.wave = each.wave;
    state.state = RolloutState::kDone;
    std::string shown;
    for (const auto phase : each.phases) shown += std::string(to_string(phase)) + " ";
    EXPECT_EQ(exit_code_of(state), each.expected) << shown << "in wave " << each.wave;
  }
}

TEST(RolloutExitCode, OfAPausedRunIsPartialUnlessAHostIsInconsistent) {
  RolloutRecord state = with({kDone, kRestored});
  state.state = RolloutState::kPaused;
  EXPECT_EQ(exit_code_of(state), ExitCode::kPartial);
  state.hosts[0].phase = kBroken;
  EXPECT_EQ(exit_code_of(state), ExitCode::kInconsistent);
}

TEST(RolloutExitCode, TimeUpBeforeTheFirstWaveIsATimeoutWhateverElseIsMissing) {
  RolloutRecord state = with({kSkipped, kOffline});
  state.hosts[0].findings = {std::string(kTimeIsUp)};
  EXPECT_EQ(exit_code_of(state), ExitCode::kTimedOut);
}

TEST(RolloutExitCode, GoingOnWithoutAHostIsPartialAlsoWhenTheRestWasOnTarget) {
  RolloutRecord state = with({kDone, kOffline});
  state.hosts[0].changed = false;
  EXPECT_EQ(exit_code_of(state), ExitCode::kRefused);
  state.policy.offline = ShortfallPolicy::kSkip;
  EXPECT_EQ(exit_code_of(state), ExitCode::kPartial);
}

TEST(Waves, CountOnlyReadyHosts) {
  RolloutRecord state = with({HostPhase::kReady, kUnready, HostPhase::kReady, HostPhase::kReady});
  state.policy.batches = {{1, false}, {2, false}};
  assign_waves(state);
  EXPECT_EQ(state.hosts[0].wave, 1U);
  EXPECT_EQ(state.hosts[1].wave, 0U);
  EXPECT_EQ(state.hosts[2].wave, 2U);
  EXPECT_EQ(state.hosts[3].wave, 2U);
  EXPECT_EQ(next_wave(state), 1U);
  state.hosts[0].phase = kDone;
  EXPECT_EQ(next_wave(state), 2U);
}

TEST(Waves, OfATinyPercentageHoldOneHost) {
  RolloutRecord state = with({HostPhase::kReady, HostPhase::kReady});
  state.policy.batches = {{1, true}};
  assign_waves(state);
  EXPECT_EQ(state.hosts[1].wave, 2U);
}

TEST(Shortfall, NamesTenHostsAndCountsTheRest) {
  const RolloutRecord state = with(std::vector<HostPhase>(12, kOffline));
  EXPECT_THAT(shortfall(state), HasSubstr("web10 and 2 more (--offline skip goes on without)"));
}

TEST(MaxFail, IsExceededByMoreThanTheShareOfAllSelectedHosts) {
  RolloutRecord state = with({kRestored, kDone, kDone, kDone, kDone, kDone, kDone, kDone, kDone});
  state.policy.max_fail = Amount{10, true};  // of 9 hosts: none
  EXPECT_TRUE(too_many_failed(state));
  state.policy.max_fail = Amount{1, false};
  EXPECT_FALSE(too_many_failed(state));
  state.hosts[1].phase = kUnknown;
  EXPECT_TRUE(too_many_failed(state));
}

}  // namespace
}  // namespace rollback::testing
