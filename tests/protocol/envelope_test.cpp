// SPDX-License-Identifier: Apache-2.0
#include "protocol/envelope.h"

#include <gmock/gmock.h>

#include "protocol/codec.h"
#include "tests/protocol/samples.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

constexpr WallTime kNow{1'750'000'010'000'000'000};

Command command() { return samples::command(StatusRequest{}); }  // epoch 3, seq 4
Addressee self() { return {"shop", samples::id<HostId>("host")}; }

TEST(Envelope, HoldsTheCommandsCanonicalBytes) {
  const auto envelope = seal(command());
  EXPECT_EQ(envelope->payload, *encode_command(command()));
  EXPECT_TRUE(envelope->proofs.empty());
}

TEST(AcceptCommand, MovesTheMark) {
  EXPECT_EQ(*accept_command(command(), self(), {3, 3}, kNow), (ReplayMark{3, 4}));
  EXPECT_EQ(*accept_command(command(), self(), {2, 99}, kNow), (ReplayMark{3, 4}));
}

TEST(AcceptCommand, RefusesReplaysAndNamesTheHighestSeen) {
  for (const auto mark : {ReplayMark{3, 4}, ReplayMark{3, 5}, ReplayMark{4, 0}}) {
    const auto refused = accept_command(command(), self(), mark, kNow);
    EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
    EXPECT_THAT(refused.error().message, HasSubstr("epoch " + std::to_string(mark.epoch) + " seq " +
                                                   std::to_string(mark.seq) + ", the highest"));
  }
}

TEST(AcceptCommand, RefusesWhatIsForSomebodyElse) {
  EXPECT_FALSE(accept_command(command(), {"other", self().host}, {}, kNow));
  EXPECT_FALSE(accept_command(command(), {"shop", samples::id<HostId>("x")}, {}, kNow));
}

TEST(AcceptCommand, RefusesTooEarlyAndTooLate) {
  const auto limits = command();
  EXPECT_TRUE(accept_command(limits, self(), {}, limits.not_before));
  EXPECT_TRUE(accept_command(limits, self(), {}, limits.not_after));
  EXPECT_FALSE(accept_command(limits, self(), {}, WallTime{limits.not_before.ns - 1}));
  EXPECT_FALSE(accept_command(limits, self(), {}, WallTime{limits.not_after.ns + 1}));
}

}  // namespace
}  // namespace rollback
