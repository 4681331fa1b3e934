// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>

#include "model/health.h"
#include "model/rollout.h"

namespace rollback {
namespace {

TEST(Amount, RoundsBatchesUpAndLimitsDown) {
  const auto tenth = *Amount::parse("10%");
  EXPECT_EQ(tenth.of_rounded_up(3), 1U);
  EXPECT_EQ(tenth.of_rounded_down(3), 0U);
  EXPECT_EQ(tenth.of_rounded_up(20), 2U);
  EXPECT_EQ(Amount::parse("5")->of_rounded_up(3), 3U);
  EXPECT_EQ(Amount::parse("2")->of_rounded_down(3), 2U);
  EXPECT_EQ(Amount::parse("100%")->of_rounded_up(7), 7U);
  EXPECT_EQ(tenth.str(), "10%");
}

TEST(Amount, RefusesWhatIsNoNumberOrShare) {
  for (const auto* text : {"", "%", "-1", "1.5", "101%", "3 ", "x", "4294967296"})
    EXPECT_FALSE(Amount::parse(text)) << text;
}

TEST(OnFailure, IsReadBackFromItsText) {
  for (const auto policy :
       {OnFailure::kPause, OnFailure::kStop, OnFailure::kUndo, OnFailure::kContinue})
    EXPECT_EQ(*parse_on_failure(to_string(policy)), policy);
  EXPECT_FALSE(parse_on_failure("retry"));
}

TEST(HostPhase, EveryPhaseHasAWordOfItsOwn) {
  std::set<std::string_view> words;
  for (int number = 1; number <= 14; ++number)
    words.insert(to_string(static_cast<HostPhase>(number)));
  EXPECT_EQ(words.size(), 14U);
}

TEST(Verdict, FollowsTheWorstRequiredProbe) {
  const ProbeResult green{"http", true, true, "", {}};
  const ProbeResult advisory{"disk", false, false, "", {}};
  const ProbeResult red{"http", false, true, "", {}};
  EXPECT_EQ(verdict_of({}), Verdict::kUnknown);
  EXPECT_EQ(verdict_of({green}), Verdict::kHealthy);
  EXPECT_EQ(verdict_of({green, advisory}), Verdict::kDegraded);
  EXPECT_EQ(verdict_of({advisory, red}), Verdict::kUnhealthy);
}

}  // namespace
}  // namespace rollback
