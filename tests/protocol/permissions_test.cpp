// SPDX-License-Identifier: Apache-2.0
#include "protocol/permissions.h"

#include <gmock/gmock.h>

#include "tests/protocol/golden.h"
#include "tests/protocol/samples.h"

namespace rollback {
namespace {

constexpr Role kRoles[] = {Role::kStranger, Role::kOperator, Role::kAgent, Role::kCoordinator};

Principal principal(Role role) { return {role, "somebody", 0, 0, ""}; }

TEST(Permissions, TheWholeMatrixIsFixed) {
  std::string matrix;
  for (const auto& body : samples::command_bodies()) {
    matrix += std::string(name_of(body)) + (is_changing(body) ? " (changes)" : "") + "\n";
    for (const auto receiver : {Receiver::kAgent, Receiver::kCoordinator}) {
      matrix += receiver == Receiver::kAgent ? "  agent:" : "  coordinator:";
      for (const auto role : kRoles)
        if (may_send(receiver, principal(role), body)) matrix += " " + std::string(to_string(role));
      matrix += "\n";
    }
  }
  expect_golden_text("permissions.txt", matrix);
}

TEST(Permissions, StrangersAndAgentsCommandNobody) {
  for (const auto& body : samples::command_bodies())
    for (const auto receiver : {Receiver::kAgent, Receiver::kCoordinator})
      for (const auto role : {Role::kStranger, Role::kAgent})
        EXPECT_EQ(may_send(receiver, principal(role), body).error().code, ErrorCode::kDenied)
            << name_of(body);
}

TEST(Permissions, NumbersThatAreNoRoleMayNothing) {
  for (const auto number : {0, 5, 31})
    for (const auto& body : samples::command_bodies())
      EXPECT_FALSE(may_send(Receiver::kAgent, principal(static_cast<Role>(number)), body));
}

TEST(Permissions, LinkMessagesHaveOneSenderEach) {
  const std::vector<AgentMessage> from_agent = {samples::hello(), Heartbeat{},
                                                samples::reply(End{})};
  const std::vector<CoordinatorMessage> from_coordinator = {Welcome{}, Pulse{}, Envelope{}};
  for (const auto role : kRoles) {
    for (const auto& message : from_agent)
      EXPECT_EQ(may_send(principal(role), message).has_value(), role == Role::kAgent);
    for (const auto& message : from_coordinator)
      EXPECT_EQ(may_send(principal(role), message).has_value(), role == Role::kCoordinator);
  }
}

TEST(Permissions, DenialNamesRoleAndMessage) {
  const auto denied = may_send(Receiver::kAgent, principal(Role::kStranger), RollbackRequest{});
  EXPECT_EQ(denied.error().message, "stranger somebody may not send 'rollback' here");
}

}  // namespace
}  // namespace rollback
