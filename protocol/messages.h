// SPDX-License-Identifier: Apache-2.0
// Every message of the three programs as a plain struct. codec.h turns them into bytes and back.
// A request is a Command in an Envelope; its answer is a stream of Replies. The same Commands and
// Replies travel over the unix door and over the coordinator's link.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/commands.h"
#include "protocol/replies.h"

namespace rollback {

inline constexpr std::uint32_t kProtocolVersion = 1;

// ---- Between agent and coordinator ------------------------------------------------------------
struct Hello {
  std::uint32_t version = kProtocolVersion;
  HostId host;
  std::string name;
  std::string agent_version;
  std::vector<std::pair<std::string, std::string>> labels;
  std::string boot_id;
};
struct Heartbeat {
  StatusItem status;
  HealthItem health;
};
using AgentMessage = std::variant<Hello, Heartbeat, Reply>;

struct Welcome {
  std::uint32_t version = kProtocolVersion;
  std::string fleet;
  std::uint64_t epoch = 0;
};
struct Pulse {
  WallTime time;
};  // the coordinator's heartbeat
using CoordinatorMessage = std::variant<Welcome, Pulse, Envelope>;

// ---- Enrolment (its own socket) ---------------------------------------------------------------
struct EnrolmentRequest {
  Hello hello;
};  // the key is the connection's
struct EnrolmentAnswer {
  Admission admission = Admission::kPending;
  std::string fingerprint;
};

}  // namespace rollback
