// SPDX-License-Identifier: Apache-2.0
// Envelopes and what agent and coordinator say to each other.
#include "protocol/codec.h"

#include "command.capnp.h"
#include "message.capnp.h"
#include "protocol/wire.h"

namespace rollback::wire {

void write(Envelope::Builder to, const rollback::Envelope& from) {
  put(to, &Envelope::Builder::setPayload, from.payload);
  put_list(to, &Envelope::Builder::initProofs, from.proofs);
}

rollback::Envelope read(Envelope::Reader from) {
  return {str(from.getPayload()), read_strings(from.getProofs())};
}

void write(Hello::Builder to, const rollback::Hello& from) {
  to.setVersion(from.version);
  put(to, &Hello::Builder::setHost, from.host);
  put(to, &Hello::Builder::setName, from.name);
  put(to, &Hello::Builder::setAgentVersion, from.agent_version);
  put_list(to, &Hello::Builder::initLabels, from.labels);
  put(to, &Hello::Builder::setBootId, from.boot_id);
}

rollback::Hello read(Hello::Reader from) {
  return {from.getVersion(),           read_id<HostId>(from.getHost()), str(from.getName()),
          str(from.getAgentVersion()), read_list(from.getLabels()),     str(from.getBootId())};
}

namespace {

void write_body(AgentMessage::Builder to, const rollback::Hello& from) {
  write(to.initHello(), from);
}
void write_body(AgentMessage::Builder to, const rollback::Heartbeat& from) {
  auto heartbeat = to.initHeartbeat();
  write(heartbeat.initStatus(), from.status);
  write(heartbeat.initHealth(), from.health);
}
void write_body(AgentMessage::Builder to, const rollback::Reply& from) {
  write(to.initReply(), from);
}

void write_body(CoordinatorMessage::Builder to, const rollback::Welcome& from) {
  auto welcome = to.initWelcome();
  welcome.setVersion(from.version);
  put(welcome, &Welcome::Builder::setFleet, from.fleet);
  welcome.setEpoch(from.epoch);
}
void write_body(CoordinatorMessage::Builder to, const Pulse& from) { to.setPulseNs(from.time.ns); }
void write_body(CoordinatorMessage::Builder to, const rollback::Envelope& from) {
  write(to.initEnvelope(), from);
}

}  // namespace

void write(AgentMessage::Builder to, const rollback::AgentMessage& from) {
  std::visit([&](const auto& message) { write_body(to, message); }, from);
}

rollback::AgentMessage read(AgentMessage::Reader from) {
  switch (from.which()) {
    case AgentMessage::NONE:
      break;
    case AgentMessage::HELLO:
      return read(from.getHello());
    case AgentMessage::HEARTBEAT:
      return rollback::Heartbeat{read(from.getHeartbeat().getStatus()),
                                 read(from.getHeartbeat().getHealth())};
    case AgentMessage::REPLY:
      return read(from.getReply());
  }
  throw Malformed{"it is of an unknown kind"};
}

void write(CoordinatorMessage::Builder to, const rollback::CoordinatorMessage& from) {
  std::visit([&](const auto& message) { write_body(to, message); }, from);
}

rollback::CoordinatorMessage read(CoordinatorMessage::Reader from) {
  switch (from.which()) {
    case CoordinatorMessage::NONE:
      break;
    case CoordinatorMessage::WELCOME:
      return rollback::Welcome{from.getWelcome().getVersion(), str(from.getWelcome().getFleet()),
                               from.getWelcome().getEpoch()};
    case CoordinatorMessage::PULSE_NS:
      return Pulse{WallTime{from.getPulseNs()}};
    case CoordinatorMessage::ENVELOPE:
      return read(from.getEnvelope());
  }
  throw Malformed{"it is of an unknown kind"};
}

void write(EnrolmentRequest::Builder to, const rollback::EnrolmentRequest& from) {
  write(to.initHello(), from.hello);
}

rollback::EnrolmentRequest read(EnrolmentRequest::Reader from) { return {read(from.getHello())}; }

void write(EnrolmentAnswer::Builder to, const rollback::EnrolmentAnswer& from) {
  to.setAdmission(number_of(from.admission));
  put(to, &EnrolmentAnswer::Builder::setFingerprint, from.fingerprint);
}

rollback::EnrolmentAnswer read(EnrolmentAnswer::Reader from) {
  return {known<Admission>(from.getAdmission()), str(from.getFingerprint())};
}

}  // namespace rollback::wire

namespace rollback {

Result<std::string> encode_envelope(const Envelope& envelope) {
  return wire::encode<wire::Envelope>(FrameKind::kEnvelope, WireLimits::kMaxFrame, envelope);
}

Result<Envelope> decode_envelope(std::string_view bytes) {
  return wire::decode<wire::Envelope>(FrameKind::kEnvelope, WireLimits::kMaxFrame,
                                      ErrorCode::kInvalid, bytes);
}

Result<std::string> encode_agent_message(const AgentMessage& message) {
  return wire::encode<wire::AgentMessage>(FrameKind::kAgentMessage, WireLimits::kMaxFrame, message);
}

Result<AgentMessage> decode_agent_message(std::string_view bytes) {
  return wire::decode<wire::AgentMessage>(FrameKind::kAgentMessage, WireLimits::kMaxFrame,
                                          ErrorCode::kInvalid, bytes);
}

Result<std::string> encode_coordinator_message(const CoordinatorMessage& message) {
  return wire::encode<wire::CoordinatorMessage>(FrameKind::kCoordinatorMessage,
                                                WireLimits::kMaxFrame, message);
}

Result<CoordinatorMessage> decode_coordinator_message(std::string_view bytes) {
  return wire::decode<wire::CoordinatorMessage>(FrameKind::kCoordinatorMessage,
                                                WireLimits::kMaxFrame, ErrorCode::kInvalid, bytes);
}

Result<std::string> encode_enrolment_request(const EnrolmentRequest& request) {
  return wire::encode<wire::EnrolmentRequest>(FrameKind::kEnrolmentRequest,
                                              WireLimits::kMaxEnrolment, request);
}

Result<EnrolmentRequest> decode_enrolment_request(std::string_view bytes) {
  return wire::decode<wire::EnrolmentRequest>(
      FrameKind::kEnrolmentRequest, WireLimits::kMaxEnrolment, ErrorCode::kInvalid, bytes);
}

Result<std::string> encode_enrolment_answer(const EnrolmentAnswer& answer) {
  return wire::encode<wire::EnrolmentAnswer>(FrameKind::kEnrolmentAnswer, WireLimits::kMaxEnrolment,
                                             answer);
}

Result<EnrolmentAnswer> decode_enrolment_answer(std::string_view bytes) {
  return wire::decode<wire::EnrolmentAnswer>(FrameKind::kEnrolmentAnswer, WireLimits::kMaxEnrolment,
                                             ErrorCode::kInvalid, bytes);
}

}  // namespace rollback
