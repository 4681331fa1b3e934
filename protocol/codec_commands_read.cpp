// SPDX-License-Identifier: Apache-2.0
// Commands from bytes: one alternative of read_body() for each.
#include "command.capnp.h"
#include "protocol/wire.h"

namespace rollback::wire {

namespace {

rollback::HostSelection read_hosts(HostSelection::Reader from) {
  return {read_strings(from.getLimit()), read_strings(from.getExclude())};
}

rollback::VerifyRequest read_request(VerifyRequest::Reader from) {
  return {str(from.getRevision()), from.getAll(),     from.getDeep(),
          from.getRepair(),        from.getRestart(), from.getRate()};
}

rollback::PruneRequest read_request(PruneRequest::Reader from) {
  return {from.getDryRun(), from.getKeep(), Duration(from.getOlderThanNs()), from.getMaxSize()};
}

rollback::RollbackRequest read_request(RollbackRequest::Reader from) {
  return {str(from.getTo()),
          from.getDryRun(),
          Duration(from.getTimeoutNs()),
          from.getAcceptRemovals(),
          read_digest(from.getPlan()),
          drift_of(from.getDrift()),
          read_strings(from.getAcceptFacts()),
          Duration(from.getConfirmNs())};
}

rollback::UndoRequest read_request(UndoRequest::Reader from) {
  return {str(from.getRun()), from.getDryRun(), Duration(from.getTimeoutNs()),
          drift_of(from.getDrift()), read_strings(from.getAcceptFacts())};
}

rollback::DeployBeginRequest read_request(DeployBeginRequest::Reader from) {
  return {str(from.getLabel()),          str(from.getGitRef()), from.getPid(),
          Duration(from.getTimeoutNs()), from.getUndo(),        from.getDryRun()};
}

rollback::DeployEndRequest read_request(DeployEndRequest::Reader from) {
  return {str(from.getRun()), from.getAborted(), from.getExitCode()};
}

rollback::PrepareRequest read_request(PrepareRequest::Reader from) {
  return {read_id<RunId>(from.getRun()), str(from.getTo()), Duration(from.getLeaseNs()),
          Duration(from.getTimeoutNs()), Duration(from.getConfirmNs())};
}

rollback::FleetRelayRequest read_request(FleetRelayRequest::Reader from) {
  return {known<RelayVerb>(from.getVerb()), str(from.getRevision()), str(from.getTo()),
          read_hosts(from.getHosts())};
}

rollback::FleetRollbackRequest read_request(FleetRollbackRequest::Reader from) {
  return {str(from.getTo()), read_hosts(from.getHosts()), read(from.getPolicy()), from.getDryRun()};
}

// What a host does, and what the coordinator asks of one.
std::optional<rollback::CommandBody> read_host_body(CommandBody::Reader from) {
  switch (from.which()) {
    case CommandBody::SNAPSHOT: {
      const auto request = from.getSnapshot();
      return rollback::SnapshotRequest{str(request.getLabel()), request.getUnhealthyOk(),
                                       str(request.getGitRef()), request.getDryRun()};
    }
    case CommandBody::HISTORY:
      return rollback::HistoryRequest{from.getHistory().getLimit()};
    case CommandBody::SHOW:
      return rollback::ShowRequest{str(from.getShow().getRevision()), from.getShow().getTree()};
    case CommandBody::DIFF: {
      const auto request = from.getDiff();
      return rollback::DiffRequest{str(request.getFrom()), str(request.getTo()), request.getStat()};
    }
    case CommandBody::PLAN:
      return rollback::PlanRequest{str(from.getPlan().getTo()), from.getPlan().getDiff(),
                                   drift_of(from.getPlan().getDrift())};
    case CommandBody::ROLLBACK:
      return read_request(from.getRollback());
    case CommandBody::UNDO:
      return read_request(from.getUndo());
    case CommandBody::VERIFY:
      return read_request(from.getVerify());
    case CommandBody::HEALTH:
      return HealthRequest{};
    case CommandBody::STATUS:
      return StatusRequest{};
    case CommandBody::CONFIG_CHECK:
      return ConfigCheckRequest{};
    case CommandBody::PREPARE:
      return read_request(from.getPrepare());
    case CommandBody::COMMIT:
      return rollback::CommitRequest{read_id<RunId>(from.getCommit().getRun()),
                                     read_digest(from.getCommit().getPlanDigest())};
    case CommandBody::FORGET:
      return rollback::ForgetRequest{read_id<RunId>(from.getForget().getRun())};
    default:
      return std::nullopt;
  }
}

std::optional<rollback::CommandBody> read_store_body(CommandBody::Reader from) {
  switch (from.which()) {
    case CommandBody::MARK:
      return rollback::MarkRequest{str(from.getMark().getRevision()),
                                   known<MarkChange>(from.getMark().getChange())};
    case CommandBody::PRUNE:
      return read_request(from.getPrune());
    case CommandBody::STATS:
      return StatsRequest{};
    case CommandBody::EXPORT:
      return rollback::ExportRequest{str(from.getExport().getRevision())};
    case CommandBody::IMPORT:
      return ImportRequest{};
    default:
      return std::nullopt;
  }
}

std::optional<rollback::CommandBody> read_run_body(CommandBody::Reader from) {
  switch (from.which()) {
    case CommandBody::DEPLOY_BEGIN:
      return read_request(from.getDeployBegin());
    case CommandBody::DEPLOY_END:
      return read_request(from.getDeployEnd());
    case CommandBody::RUN_CONFIRM:
      return RunConfirmRequest{str(from.getRunConfirm().getRun())};
    case CommandBody::LOCK:
      return rollback::LockRequest{from.getLock().getRelease()};
    case CommandBody::RUN_LIST:
      return rollback::RunListRequest{from.getRunList().getLimit()};
    case CommandBody::RUN_SHOW:
      return RunShowRequest{str(from.getRunShow().getRun())};
    case CommandBody::RUN_WATCH:
      return rollback::RunWatchRequest{str(from.getRunWatch().getRun()),
                                       from.getRunWatch().getFrom()};
    case CommandBody::RUN_ABORT:
      return RunAbortRequest{str(from.getRunAbort().getRun())};
    case CommandBody::RUN_RESUME:
      return RunResumeRequest{str(from.getRunResume().getRun())};
    case CommandBody::RUN_UNDO:
      return RunUndoRequest{str(from.getRunUndo().getRun())};
    default:
      return std::nullopt;
  }
}

std::optional<rollback::CommandBody> read_fleet_body(CommandBody::Reader from) {
  switch (from.which()) {
    case CommandBody::FLEET_ROLLBACK:
      return read_request(from.getFleetRollback());
    case CommandBody::FLEET_SNAPSHOT: {
      const auto request = from.getFleetSnapshot();
      return rollback::FleetSnapshotRequest{str(request.getLabel()), read_hosts(request.getHosts()),
                                            request.getUnhealthyOk(), str(request.getGitRef())};
    }
    case CommandBody::FLEET_STATUS:
      return FleetStatusRequest{read_hosts(from.getFleetStatus().getHosts())};
    case CommandBody::FLEET_HEALTH:
      return FleetHealthRequest{read_hosts(from.getFleetHealth().getHosts())};
    case CommandBody::FLEET_RELAY:
      return read_request(from.getFleetRelay());
    case CommandBody::HOST_LIST:
      return HostListRequest{};
    case CommandBody::HOST_ACCEPT:
      return HostAcceptRequest{str(from.getHostAccept().getHost())};
    case CommandBody::HOST_REJECT:
      return HostRejectRequest{str(from.getHostReject().getHost())};
    case CommandBody::HOST_REMOVE:
      return HostRemoveRequest{str(from.getHostRemove().getHost())};
    default:
      return std::nullopt;
  }
}

rollback::CommandBody read_body(CommandBody::Reader from) {
  for (const auto group : {read_host_body, read_store_body, read_run_body, read_fleet_body})
    if (auto body = group(from)) return *std::move(body);
  throw Malformed{"its body is of the unknown kind " +
                  std::to_string(static_cast<unsigned>(from.which()))};
}

}  // namespace

rollback::Command read(Command::Reader from) {
  rollback::Command command;
  command.fleet = str(from.getFleet());
  command.id = read_id<CommandId>(from.getId());
  command.host = read_id<HostId>(from.getHost());
  command.run = read_id<RunId>(from.getRun());
  command.epoch = from.getEpoch();
  command.seq = from.getSeq();
  command.not_before = {from.getNotBeforeNs()};
  command.not_after = {from.getNotAfterNs()};
  command.actor = str(from.getActor());
  command.reason = str(from.getReason());
  command.body = read_body(from.getBody());
  return command;
}

}  // namespace rollback::wire

namespace rollback {

Result<Command> decode_command(std::string_view bytes) {
  return wire::decode<wire::Command>(FrameKind::kCommand, WireLimits::kMaxFrame,
                                     ErrorCode::kInvalid, bytes);
}

}  // namespace rollback
