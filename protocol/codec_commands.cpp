// SPDX-License-Identifier: Apache-2.0
// Commands: one write() and one alternative of read_body() for each.
#include "command.capnp.h"
#include "protocol/wire.h"

namespace rollback::wire {

namespace {

using Body = CommandBody::Builder;

void write_hosts(HostSelection::Builder to, const rollback::HostSelection& from) {
  put_list(to, &HostSelection::Builder::initLimit, from.limit);
  put_list(to, &HostSelection::Builder::initExclude, from.exclude);
}

rollback::HostSelection read_hosts(HostSelection::Reader from) {
  return {read_strings(from.getLimit()), read_strings(from.getExclude())};
}

void write_body(Body to, const rollback::SnapshotRequest& from) {
  auto request = to.initSnapshot();
  put(request, &SnapshotRequest::Builder::setLabel, from.label);
  request.setUnhealthyOk(from.unhealthy_ok);
  put(request, &SnapshotRequest::Builder::setGitRef, from.git_ref);
}
void write_body(Body to, const rollback::HistoryRequest& from) {
  to.initHistory().setLimit(from.limit);
}
void write_body(Body to, const rollback::ShowRequest& from) {
  auto request = to.initShow();
  put(request, &ShowRequest::Builder::setRevision, from.revision);
  request.setTree(from.tree);
}
void write_body(Body to, const rollback::DiffRequest& from) {
  auto request = to.initDiff();
  put(request, &DiffRequest::Builder::setFrom, from.from);
  put(request, &DiffRequest::Builder::setTo, from.to);
  request.setStat(from.stat);
}
void write_body(Body to, const rollback::PlanRequest& from) {
  auto request = to.initPlan();
  put(request, &PlanRequest::Builder::setTo, from.to);
  request.setDiff(from.diff);
  request.setDrift(number_of(from.drift));
}
void write_body(Body to, const rollback::RollbackRequest& from) {
  auto request = to.initRollback();
  put(request, &RollbackRequest::Builder::setTo, from.to);
  request.setDryRun(from.dry_run);
  request.setTimeoutNs(from.timeout.count());
  request.setAcceptRemovals(from.accept_removals);
  put(request, &RollbackRequest::Builder::setPlan, from.plan);
  request.setDrift(number_of(from.drift));
  put_list(request, &RollbackRequest::Builder::initAcceptFacts, from.accept_facts);
  request.setConfirmNs(from.confirm.count());
}
void write_body(Body to, const rollback::UndoRequest& from) {
  auto request = to.initUndo();
  put(request, &UndoRequest::Builder::setRun, from.run);
  request.setDryRun(from.dry_run);
  request.setTimeoutNs(from.timeout.count());
  request.setDrift(number_of(from.drift));
  put_list(request, &UndoRequest::Builder::initAcceptFacts, from.accept_facts);
}
void write_body(Body to, const rollback::VerifyRequest& from) {
  auto request = to.initVerify();
  put(request, &VerifyRequest::Builder::setRevision, from.revision);
  request.setAll(from.all);
  request.setDeep(from.deep);
  request.setRepair(from.repair);
  request.setRestart(from.restart);
  request.setRate(from.rate);
}
void write_body(Body to, const HealthRequest&) { to.setHealth(); }
void write_body(Body to, const StatusRequest&) { to.setStatus(); }
void write_body(Body to, const rollback::RunListRequest& from) {
  to.initRunList().setLimit(from.limit);
}
void write_body(Body to, const RunShowRequest& from) {
  put(to.initRunShow(), &RunRequest::Builder::setRun, from.run);
}
void write_body(Body to, const rollback::RunWatchRequest& from) {
  auto request = to.initRunWatch();
  put(request, &RunWatchRequest::Builder::setRun, from.run);
  request.setFrom(from.from);
}
void write_body(Body to, const RunAbortRequest& from) {
  put(to.initRunAbort(), &RunRequest::Builder::setRun, from.run);
}
void write_body(Body to, const ConfigCheckRequest&) { to.setConfigCheck(); }
void write_body(Body to, const rollback::PrepareRequest& from) {
  auto request = to.initPrepare();
  put(request, &PrepareRequest::Builder::setRun, from.run);
  put(request, &PrepareRequest::Builder::setTo, from.to);
  request.setLeaseNs(from.lease.count());
  request.setTimeoutNs(from.timeout.count());
}
void write_body(Body to, const rollback::CommitRequest& from) {
  auto request = to.initCommit();
  put(request, &CommitRequest::Builder::setRun, from.run);
  put(request, &CommitRequest::Builder::setPlanDigest, from.plan_digest);
}
void write_body(Body to, const rollback::ForgetRequest& from) {
  put(to.initForget(), &ForgetRequest::Builder::setRun, from.run);
}
void write_body(Body to, const rollback::FleetRollbackRequest& from) {
  auto request = to.initFleetRollback();
  put(request, &FleetRollbackRequest::Builder::setTo, from.to);
  write_hosts(request.initHosts(), from.hosts);
  write(request.initPolicy(), from.policy);
  request.setDryRun(from.dry_run);
}
void write_body(Body to, const rollback::FleetSnapshotRequest& from) {
  auto request = to.initFleetSnapshot();
  put(request, &FleetSnapshotRequest::Builder::setLabel, from.label);
  write_hosts(request.initHosts(), from.hosts);
  request.setUnhealthyOk(from.unhealthy_ok);
  put(request, &FleetSnapshotRequest::Builder::setGitRef, from.git_ref);
}
void write_body(Body to, const FleetStatusRequest& from) {
  write_hosts(to.initFleetStatus().initHosts(), from.hosts);
}
void write_body(Body to, const FleetHealthRequest& from) {
  write_hosts(to.initFleetHealth().initHosts(), from.hosts);
}
void write_body(Body to, const rollback::FleetRelayRequest& from) {
  auto request = to.initFleetRelay();
  request.setVerb(number_of(from.verb));
  put(request, &FleetRelayRequest::Builder::setRevision, from.revision);
  put(request, &FleetRelayRequest::Builder::setTo, from.to);
  write_hosts(request.initHosts(), from.hosts);
}
void write_body(Body to, const HostListRequest&) { to.setHostList(); }
void write_body(Body to, const HostAcceptRequest& from) {
  put(to.initHostAccept(), &HostRequest::Builder::setHost, from.host);
}
void write_body(Body to, const HostRejectRequest& from) {
  put(to.initHostReject(), &HostRequest::Builder::setHost, from.host);
}
void write_body(Body to, const HostRemoveRequest& from) {
  put(to.initHostRemove(), &HostRequest::Builder::setHost, from.host);
}
void write_body(Body to, const RunResumeRequest& from) {
  put(to.initRunResume(), &RunRequest::Builder::setRun, from.run);
}
void write_body(Body to, const RunUndoRequest& from) {
  put(to.initRunUndo(), &RunRequest::Builder::setRun, from.run);
}

void write_body(Body to, const rollback::MarkRequest& from) {
  auto request = to.initMark();
  put(request, &MarkRequest::Builder::setRevision, from.revision);
  request.setChange(number_of(from.change));
}
void write_body(Body to, const rollback::PruneRequest& from) {
  auto request = to.initPrune();
  request.setDryRun(from.dry_run);
  request.setKeep(from.keep);
  request.setOlderThanNs(from.older_than.count());
  request.setMaxSize(from.max_size);
}
void write_body(Body to, const StatsRequest&) { to.setStats(); }
void write_body(Body to, const rollback::ExportRequest& from) {
  put(to.initExport(), &ExportRequest::Builder::setRevision, from.revision);
}
void write_body(Body to, const ImportRequest&) { to.setImport(); }

void write_body(Body to, const rollback::DeployBeginRequest& from) {
  auto request = to.initDeployBegin();
  put(request, &DeployBeginRequest::Builder::setLabel, from.label);
  put(request, &DeployBeginRequest::Builder::setGitRef, from.git_ref);
  request.setPid(from.pid);
  request.setTimeoutNs(from.timeout.count());
  request.setUndo(from.undo);
}
void write_body(Body to, const rollback::DeployEndRequest& from) {
  auto request = to.initDeployEnd();
  put(request, &DeployEndRequest::Builder::setRun, from.run);
  request.setAborted(from.aborted);
  request.setExitCode(from.exit_code);
}

void write_body(Body to, const RunConfirmRequest& from) {
  put(to.initRunConfirm(), &RunRequest::Builder::setRun, from.run);
}
void write_body(Body to, const rollback::LockRequest& from) {
  to.initLock().setRelease(from.release);
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
  return {str(from.getLabel()), str(from.getGitRef()), from.getPid(), Duration(from.getTimeoutNs()),
          from.getUndo()};
}

rollback::DeployEndRequest read_request(DeployEndRequest::Reader from) {
  return {str(from.getRun()), from.getAborted(), from.getExitCode()};
}

rollback::PrepareRequest read_request(PrepareRequest::Reader from) {
  return {read_id<RunId>(from.getRun()), str(from.getTo()), Duration(from.getLeaseNs()),
          Duration(from.getTimeoutNs())};
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
                                       str(request.getGitRef())};
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

void write(Command::Builder to, const rollback::Command& from) {
  put(to, &Command::Builder::setFleet, from.fleet);
  put(to, &Command::Builder::setId, from.id);
  put(to, &Command::Builder::setHost, from.host);
  put(to, &Command::Builder::setRun, from.run);
  to.setEpoch(from.epoch);
  to.setSeq(from.seq);
  to.setNotBeforeNs(from.not_before.ns);
  to.setNotAfterNs(from.not_after.ns);
  put(to, &Command::Builder::setActor, from.actor);
  put(to, &Command::Builder::setReason, from.reason);
  std::visit([body = to.initBody()](const auto& request) { write_body(body, request); }, from.body);
}

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

Result<std::string> encode_command(const Command& command) {
  return wire::encode<wire::Command>(FrameKind::kCommand, WireLimits::kMaxFrame, command);
}

Result<Command> decode_command(std::string_view bytes) {
  return wire::decode<wire::Command>(FrameKind::kCommand, WireLimits::kMaxFrame,
                                     ErrorCode::kInvalid, bytes);
}

}  // namespace rollback
