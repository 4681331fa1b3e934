// SPDX-License-Identifier: Apache-2.0
#include "protocol/permissions.h"

#include <array>
#include <tuple>
#include <type_traits>

namespace rollback {

namespace {

enum class Effect { kReads, kChanges };

// Roles that may send a message, as bits; none is the default.
constexpr unsigned kNobody = 0;
constexpr unsigned kBy(Role role) { return 1U << static_cast<unsigned>(role); }
constexpr unsigned kOps = kBy(Role::kOperator);
constexpr unsigned kOpsAndCoord = kOps | kBy(Role::kCoordinator);
constexpr unsigned kCoord = kBy(Role::kCoordinator);

template <typename Message>
struct Row {
  using Type = Message;
  std::string_view name;
  Effect effect = Effect::kChanges;
  unsigned to_agent = kNobody;
  unsigned to_coordinator = kNobody;
};

// The table. Rows stand in the order of CommandBody's alternatives, which is checked below: a new
// alternative without its row does not compile.
constexpr auto kTable = std::tuple{
    // message                     name              effect     at an agent  at the coordinator
    Row<SnapshotRequest>{"snapshot", Effect::kChanges, kOpsAndCoord, kNobody},
    Row<HistoryRequest>{"history", Effect::kReads, kOpsAndCoord, kNobody},
    Row<ShowRequest>{"show", Effect::kReads, kOpsAndCoord, kNobody},
    Row<DiffRequest>{"diff", Effect::kReads, kOpsAndCoord, kNobody},
    Row<PlanRequest>{"plan", Effect::kReads, kOpsAndCoord, kNobody},
    Row<RollbackRequest>{"rollback", Effect::kChanges, kOps, kNobody},
    Row<UndoRequest>{"undo", Effect::kChanges, kOpsAndCoord, kNobody},
    Row<VerifyRequest>{"verify", Effect::kReads, kOpsAndCoord, kNobody},
    Row<HealthRequest>{"health", Effect::kReads, kOpsAndCoord, kNobody},
    Row<StatusRequest>{"status", Effect::kReads, kOpsAndCoord, kOps},
    Row<RunListRequest>{"run list", Effect::kReads, kOpsAndCoord, kOps},
    Row<RunShowRequest>{"run show", Effect::kReads, kOpsAndCoord, kOps},
    Row<RunWatchRequest>{"run watch", Effect::kReads, kOpsAndCoord, kOps},
    Row<RunAbortRequest>{"run abort", Effect::kChanges, kOpsAndCoord, kOps},
    Row<ConfigCheckRequest>{"config check", Effect::kReads, kOps, kNobody},
    Row<PrepareRequest>{"prepare", Effect::kChanges, kCoord, kNobody},
    Row<CommitRequest>{"commit", Effect::kChanges, kCoord, kNobody},
    Row<ForgetRequest>{"forget", Effect::kChanges, kCoord, kNobody},
    Row<FleetRollbackRequest>{"fleet rollback", Effect::kChanges, kNobody, kOps},
    Row<FleetSnapshotRequest>{"fleet snapshot", Effect::kChanges, kNobody, kOps},
    Row<FleetStatusRequest>{"fleet status", Effect::kReads, kNobody, kOps},
    Row<FleetHealthRequest>{"fleet health", Effect::kReads, kNobody, kOps},
    Row<FleetRelayRequest>{"fleet relay", Effect::kReads, kNobody, kOps},
    Row<HostListRequest>{"hosts list", Effect::kReads, kNobody, kOps},
    Row<HostAcceptRequest>{"hosts accept", Effect::kChanges, kNobody, kOps},
    Row<HostRejectRequest>{"hosts reject", Effect::kChanges, kNobody, kOps},
    Row<HostRemoveRequest>{"hosts remove", Effect::kChanges, kNobody, kOps},
    Row<RunResumeRequest>{"run resume", Effect::kChanges, kOps, kOps},
    Row<RunUndoRequest>{"run undo", Effect::kChanges, kNobody, kOps},
    Row<MarkRequest>{"mark", Effect::kChanges, kOps, kNobody},
    Row<PruneRequest>{"prune", Effect::kChanges, kOps, kNobody},
    Row<StatsRequest>{"stats", Effect::kReads, kOps, kNobody},
    Row<ExportRequest>{"export", Effect::kReads, kOps, kNobody},
    Row<ImportRequest>{"import", Effect::kChanges, kOps, kNobody},
    Row<DeployBeginRequest>{"deploy begin", Effect::kChanges, kOps, kNobody},
    Row<DeployEndRequest>{"deploy end", Effect::kChanges, kOps, kNobody},
    Row<RunConfirmRequest>{"run confirm", Effect::kChanges, kOps, kNobody},
    Row<LockRequest>{"lock", Effect::kChanges, kOps, kNobody},
};

constexpr std::size_t kRows = std::tuple_size_v<decltype(kTable)>;
static_assert(kRows == std::variant_size_v<AnyCommandBody>, "every command needs a row");

template <std::size_t... I>
constexpr bool every_row_is_in_its_place(std::index_sequence<I...>) {
  return (std::is_same_v<typename std::tuple_element_t<I, decltype(kTable)>::Type,
                         std::variant_alternative_t<I, AnyCommandBody>> &&
          ...);
}
static_assert(every_row_is_in_its_place(std::make_index_sequence<kRows>()),
              "rows stand in the order of CommandBody's alternatives");

struct Entry {
  std::string_view name;
  Effect effect;
  unsigned to_agent;
  unsigned to_coordinator;
};
constexpr auto kEntries = std::apply(
    [](const auto&... row) {
      return std::array{Entry{row.name, row.effect, row.to_agent, row.to_coordinator}...};
    },
    kTable);

bool allows(unsigned roles, Role role) { return (roles & kBy(role)) != 0; }

Status decide(bool allowed, const Principal& sender, std::string_view message) {
  if (allowed) return {};
  return fail(ErrorCode::kDenied, std::string(to_string(sender.role)) +
                                      (sender.name.empty() ? "" : " " + sender.name) +
                                      " may not send '" + std::string(message) + "' here");
}

// Messages of the link, each with the one role that sends it; no generic case.
struct LinkRow {
  std::string_view name;
  Role role;
};
LinkRow row_of(const Hello&) { return {"hello", Role::kAgent}; }
LinkRow row_of(const Heartbeat&) { return {"heartbeat", Role::kAgent}; }
LinkRow row_of(const Reply&) { return {"reply", Role::kAgent}; }
LinkRow row_of(const Welcome&) { return {"welcome", Role::kCoordinator}; }
LinkRow row_of(const Pulse&) { return {"pulse", Role::kCoordinator}; }
LinkRow row_of(const Envelope&) { return {"command", Role::kCoordinator}; }

template <typename Message>
Status decide_on_link(const Principal& sender, const Message& message) {
  const auto row = std::visit([](const auto& it) { return row_of(it); }, message);
  return decide(row.role == sender.role, sender, row.name);
}

}  // namespace

std::string_view to_string(Role role) noexcept {
  switch (role) {
    case Role::kStranger:
      return "stranger";
    case Role::kOperator:
      return "operator";
    case Role::kAgent:
      return "agent";
    case Role::kCoordinator:
      return "coordinator";
  }
  return "unknown";
}

Status may_send(Receiver receiver, const Principal& sender, const CommandBody& body) {
  const auto& entry = kEntries.at(body.index());
  const unsigned roles = receiver == Receiver::kAgent ? entry.to_agent : entry.to_coordinator;
  return decide(allows(roles, sender.role), sender, entry.name);
}

Status may_send(const Principal& sender, const AgentMessage& message) {
  return decide_on_link(sender, message);
}

Status may_send(const Principal& sender, const CoordinatorMessage& message) {
  return decide_on_link(sender, message);
}

bool is_changing(const CommandBody& body) {
  return kEntries.at(body.index()).effect == Effect::kChanges;
}

std::string_view name_of(const CommandBody& body) { return kEntries.at(body.index()).name; }

}  // namespace rollback
