// SPDX-License-Identifier: Apache-2.0
// What may be asked: of a host, of the coordinator, and by the coordinator of a host. permissions.h
// says who may ask what.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "model/plan.h"
#include "model/rollout.h"
#include "protocol/hold_commands.h"
#include "protocol/store_commands.h"

namespace rollback {

// ---- Requests that a host serves -------------------------------------------------------------
struct SnapshotRequest {
  std::string label;
  bool unhealthy_ok = false;
  std::string git_ref;
  bool dry_run = false;  // captures and says what would be recorded; stores nothing
};
struct HistoryRequest {
  std::uint32_t limit = 0;
};  // 0: all
struct ShowRequest {
  std::string revision;
  bool tree = false;
};
struct DiffRequest {
  std::string from;
  std::string to;
  bool stat = false;
};  // "live" is a name too
// `to` empty means the previous good release.
struct PlanRequest {
  std::string to;
  bool diff = false;
  DriftPolicy drift = DriftPolicy::kOverwrite;
};
struct RollbackRequest {
  std::string to;  // empty: the previous good release
  bool dry_run = false;
  Duration timeout = std::chrono::minutes(5);
  bool accept_removals = false;
  Digest plan{};  // only this one is carried out; none: whatever it is now
  DriftPolicy drift = DriftPolicy::kOverwrite;
  std::vector<std::string> accept_facts{};  // facts that may differ from the release's
  Duration confirm{};  // taken back unless it is confirmed within this time; 0: no
};
struct UndoRequest {
  std::string run;
  bool dry_run = false;
  Duration timeout = std::chrono::minutes(5);
  DriftPolicy drift = DriftPolicy::kOverwrite;
  std::vector<std::string> accept_facts{};
};
struct VerifyRequest {
  std::string revision;    // empty: live against the deployed revision
  bool all = false;        // the whole store instead of one release
  bool deep = false;       // every byte is read and hashed
  bool repair = false;     // from another revision or the live host
  bool restart = false;    // not where an interrupted one stopped
  std::uint64_t rate = 0;  // most bytes read in a second; 0: no limit
};
struct HealthRequest {};
struct StatusRequest {};
struct RunListRequest {
  std::uint32_t limit = 20;
};
struct RunShowRequest {
  std::string run;
};  // run ids may be abbreviated to a unique prefix
struct RunWatchRequest {
  std::string run;
  std::uint64_t from = 1;
};
struct RunAbortRequest {
  std::string run;
};
struct ConfigCheckRequest {};

// ---- Requests of the coordinator to a host ----------------------------------------------------
// Resolve, preflight, stage; answers with a Prepared item. Holds the host's lock until the lease
// ends, renewed by the same request with the same run.
struct PrepareRequest {
  RunId run;
  std::string to;  // a revision; "run:ID" takes a host back to where that run began
  Duration lease = std::chrono::minutes(15);
  Duration timeout = std::chrono::minutes(5);
  Duration confirm{};  // taken back unless a coordinator or witness is reached within it; 0: no
};
struct CommitRequest {
  RunId run;
  Digest plan_digest;
};
struct ForgetRequest {
  RunId run;
};

// ---- Requests that the coordinator serves -----------------------------------------------------
struct HostSelection {
  std::vector<std::string> limit;  // -l expressions, or-ed; none: every accepted host
  std::vector<std::string> exclude;
};
struct FleetRollbackRequest {
  std::string to;
  HostSelection hosts;
  RolloutPolicy policy;
  bool dry_run = false;
};
struct FleetSnapshotRequest {
  std::string label;
  HostSelection hosts;
  bool unhealthy_ok = false;
  std::string git_ref;
};
struct FleetStatusRequest {
  HostSelection hosts;
};
struct FleetHealthRequest {
  HostSelection hosts;
};
// A host's own verb on many hosts; replies carry the host's name.
enum class RelayVerb { kHistory = 1, kPlan = 2, kVerify = 3, kDiff = 4 };
struct FleetRelayRequest {
  RelayVerb verb = RelayVerb::kHistory;
  std::string revision;
  std::string to;  // diff
  HostSelection hosts;
};
struct HostListRequest {};
// `host` is a name, a host id or a key fingerprint (or its unique prefix of at least 8 digits).
struct HostAcceptRequest {
  std::string host;
};
struct HostRejectRequest {
  std::string host;
};
struct HostRemoveRequest {
  std::string host;
};
struct RunResumeRequest {
  std::string run;
};  // a paused rollout goes on
struct RunUndoRequest {
  std::string run;
};  // a rollout's finished hosts are taken back

using AnyCommandBody =
    std::variant<SnapshotRequest, HistoryRequest, ShowRequest, DiffRequest, PlanRequest,
                 RollbackRequest, UndoRequest, VerifyRequest, HealthRequest, StatusRequest,
                 RunListRequest, RunShowRequest, RunWatchRequest, RunAbortRequest,
                 ConfigCheckRequest, PrepareRequest, CommitRequest, ForgetRequest,
                 FleetRollbackRequest, FleetSnapshotRequest, FleetStatusRequest, FleetHealthRequest,
                 FleetRelayRequest, HostListRequest, HostAcceptRequest, HostRejectRequest,
                 HostRemoveRequest, RunResumeRequest, RunUndoRequest, MarkRequest, PruneRequest,
                 StatsRequest, ExportRequest, ImportRequest, DeployBeginRequest, DeployEndRequest,
                 RunConfirmRequest, LockRequest>;

// What it can be; its special members, each a table of all of these, are compiled once.
struct CommandBody : AnyCommandBody {
  using AnyCommandBody::AnyCommandBody;
  CommandBody();
  CommandBody(const CommandBody& other);
  CommandBody(CommandBody&& other) noexcept;
  CommandBody& operator=(const CommandBody& other);
  CommandBody& operator=(CommandBody&& other) noexcept;
  ~CommandBody();
};

// Authorised and hashed as the bytes received, never re-serialised.
struct Command {
  std::string fleet;        // "" on the unix door
  CommandId id;             // names this request; what was done is told by `run` (ADR 0013)
  HostId host;              // none on the unix door; an agent refuses another host's id
  RunId run;                // the rollout or run it belongs to; none if none
  std::uint64_t epoch = 0;  // of the coordinator; the agent refuses lower ones than it has seen
  std::uint64_t seq = 0;    // grows within an epoch
  WallTime not_before;      // 0: no limit
  WallTime not_after;       // 0: no limit
  std::string actor;        // who asked, as the sender knows it
  std::string reason;       // -m
  CommandBody body;
};

struct Envelope {
  std::string payload;              // canonical bytes of a Command
  std::vector<std::string> proofs;  // signatures; none yet
};

}  // namespace rollback
