// SPDX-License-Identifier: Apache-2.0
// Struct <-> Cap'n Proto bytes, with limits. Exceptions of the library end here. Decoders accept
// any bytes at any address: what is malformed, oversized, too deep or of an unknown kind is
// kInvalid. Source of the limits: reliability notes on amplification (traversal 4 x the message,
// nesting 16).
#pragma once

#include <string>
#include <string_view>

#include "protocol/messages.h"

namespace rollback {

struct WireLimits {
  static constexpr std::size_t kMaxFrame = 1024 * 1024;  // bytes of one message
  static constexpr std::size_t kMaxEnrolment = 4 * 1024;
  static constexpr int kNesting = 16;
  static constexpr std::size_t kMaxList = 65'536;
};

// Canonical bytes: the same command always gives the same bytes.
Result<std::string> encode_command(const Command& command);
Result<Command> decode_command(std::string_view bytes);

Result<std::string> encode_envelope(const Envelope& envelope);
Result<Envelope> decode_envelope(std::string_view bytes);

Result<std::string> encode_reply(const Reply& reply);
Result<Reply> decode_reply(std::string_view bytes);

Result<std::string> encode_agent_message(const AgentMessage& message);
Result<AgentMessage> decode_agent_message(std::string_view bytes);

Result<std::string> encode_coordinator_message(const CoordinatorMessage& message);
Result<CoordinatorMessage> decode_coordinator_message(std::string_view bytes);

Result<std::string> encode_enrolment_request(const EnrolmentRequest& request);
Result<EnrolmentRequest> decode_enrolment_request(std::string_view bytes);
Result<std::string> encode_enrolment_answer(const EnrolmentAnswer& answer);
Result<EnrolmentAnswer> decode_enrolment_answer(std::string_view bytes);

}  // namespace rollback
