// SPDX-License-Identifier: Apache-2.0
// Who may send what: one table of role x message. Default deny; a message without a row does not
// compile.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/messages.h"

namespace rollback {

enum class Role {
  kStranger = 1,     // an unknown key or an unprivileged local user: may only ask to be enrolled
  kOperator = 2,     // root, or a member of the operators' group, on a daemon's unix socket
  kAgent = 3,        // an accepted host's key, on the coordinator's link
  kCoordinator = 4,  // a configured coordinator's key, on the agent's link
};
std::string_view to_string(Role role) noexcept;

// Who sent a message, established by the transport, never by the message.
struct Principal {
  Role role = Role::kStranger;
  std::string name;       // "root (uid 0)", "coordinator", "web1"
  std::uint32_t uid = 0;  // unix door
  std::uint32_t pid = 0;  // unix door
  std::string key;        // Z85 public key, link
};

enum class Receiver { kAgent = 1, kCoordinator = 2 };

// kDenied names the role and the message.
Status may_send(Receiver receiver, const Principal& sender, const CommandBody& body);
Status may_send(const Principal& sender, const AgentMessage& message);        // to the coordinator
Status may_send(const Principal& sender, const CoordinatorMessage& message);  // to an agent
// True when `body` changes something (its dry runs included: they need the same right).
bool is_changing(const CommandBody& body);
std::string_view name_of(const CommandBody& body);  // "rollback", "fleet snapshot"

}  // namespace rollback
