// SPDX-License-Identifier: Apache-2.0
#include "protocol/codec.h"

#include <gmock/gmock.h>

#include "protocol/json.h"
#include "tests/protocol/same_fields.h"
#include "tests/protocol/samples.h"

namespace rollback {
namespace {

TEST(Codec, EveryCommandComesBackAsItWas) {
  const auto bodies = samples::command_bodies();
  ASSERT_EQ(bodies.size(), std::variant_size_v<AnyCommandBody>);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    ASSERT_EQ(bodies[i].index(), i) << "the samples miss an alternative";
    const auto command = samples::command(bodies[i]);
    const auto bytes = encode_command(command);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto back = decode_command(*bytes);
    ASSERT_TRUE(back) << i << ": " << back.error().message;
    EXPECT_TRUE(same_fields(*back, command)) << "alternative " << i;
    EXPECT_EQ(*encode_command(*back), *bytes);
  }
}

// JSON shows every field of every reply and knows nothing of the codec.
TEST(Codec, EveryReplyComesBackAsItWas) {
  const auto bodies = samples::reply_bodies();
  ASSERT_EQ(bodies.size(), std::variant_size_v<AnyReplyBody>);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    ASSERT_EQ(bodies[i].index(), i) << "the samples miss an alternative";
    const auto reply = samples::reply(bodies[i]);
    const auto bytes = encode_reply(reply);
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto back = decode_reply(*bytes);
    ASSERT_TRUE(back) << i << ": " << back.error().message;
    EXPECT_EQ(back->command, reply.command);
    EXPECT_EQ(back->index, reply.index);
    EXPECT_EQ(to_json(*back), to_json(reply));
    EXPECT_EQ(*encode_reply(*back), *bytes);
  }
}

TEST(Codec, WhatIsListedButNotStoredHasNoNode) {
  const auto bytes = encode_reply(samples::reply(PathItem{"/run/x.sock", {}, true, 0}));
  ASSERT_TRUE(bytes) << bytes.error().message;
  const auto back = decode_reply(*bytes);
  ASSERT_TRUE(back) << back.error().message;
  const auto& item = std::get<PathItem>(back->body);
  EXPECT_TRUE(item.special);
  EXPECT_EQ(item.path, "/run/x.sock");
  EXPECT_EQ(item.node, Node());
}

TEST(Codec, LinkMessagesComeBackAsTheyWere) {
  const auto envelope = Envelope{"payload", {"proof", std::string(1, '\0')}};
  EXPECT_TRUE(same_fields(*decode_envelope(*encode_envelope(envelope)), envelope));
  const AgentMessage hello = samples::hello();
  EXPECT_TRUE(same_fields(std::get<Hello>(*decode_agent_message(*encode_agent_message(hello))),
                          samples::hello()));
  const auto beat = std::get<Heartbeat>(*decode_agent_message(
      *encode_agent_message(Heartbeat{samples::status(), samples::health()})));
  EXPECT_TRUE(same_fields(beat.status, samples::status()));
  EXPECT_TRUE(same_fields(beat.health, samples::health()));
  const auto reply = samples::reply(samples::run());
  EXPECT_EQ(to_json(std::get<Reply>(*decode_agent_message(*encode_agent_message(reply)))),
            to_json(reply));
  const std::vector<CoordinatorMessage> messages = {Welcome{2, "shop", 99}, Pulse{WallTime{5}},
                                                    envelope};
  for (const auto& message : messages)
    EXPECT_TRUE(
        same_fields(*decode_coordinator_message(*encode_coordinator_message(message)), message));
  EXPECT_TRUE(
      same_fields(decode_enrolment_request(*encode_enrolment_request({samples::hello()}))->hello,
                  samples::hello()));
  const EnrolmentAnswer answer{Admission::kRejected, "3f2a"};
  EXPECT_TRUE(same_fields(*decode_enrolment_answer(*encode_enrolment_answer(answer)), answer));
}

TEST(Codec, OneKindIsNeverReadAsAnother) {
  const auto command = *encode_command(samples::command(StatusRequest{}));
  EXPECT_EQ(decode_reply(command).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(decode_envelope(command).error().code, ErrorCode::kInvalid);
}

TEST(Codec, NewerFormatIsUnsupported) {
  auto bytes = *encode_command(samples::command(StatusRequest{}));
  bytes[4] = 2;
  EXPECT_EQ(decode_command(bytes).error().code, ErrorCode::kUnsupported);
}

TEST(Codec, WhatDoesNotFitIsRefusedByBothEnds) {
  auto command = samples::command(StatusRequest{});
  command.reason.assign(WireLimits::kMaxFrame, 'x');
  EXPECT_EQ(encode_command(command).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(decode_command(std::string(WireLimits::kMaxFrame + 1, '\0')).error().code,
            ErrorCode::kInvalid);
  Envelope envelope;
  envelope.proofs.resize(WireLimits::kMaxList + 1);
  EXPECT_EQ(encode_envelope(envelope).error().code, ErrorCode::kInvalid);
  auto hello = samples::hello();
  hello.name.assign(WireLimits::kMaxEnrolment, 'x');
  EXPECT_FALSE(encode_enrolment_request({hello}));
}

TEST(Codec, ReadsBytesAtAnyAddress) {
  const auto bytes = *encode_command(samples::command(RunShowRequest{"0102"}));
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string shifted = std::string(shift, 'x') + bytes;
    EXPECT_TRUE(decode_command(std::string_view(shifted).substr(shift)));
  }
}

}  // namespace
}  // namespace rollback
