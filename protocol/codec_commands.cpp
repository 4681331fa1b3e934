// SPDX-License-Identifier: Apache-2.0
// Commands to bytes: one write_body() for each. codec_commands_read.cpp is the way back.
#include "command.capnp.h"
#include "protocol/wire.h"

namespace rollback::wire {

namespace {

using Body = CommandBody::Builder;

void write_hosts(HostSelection::Builder to, const rollback::HostSelection& from) {
  put_list(to, &HostSelection::Builder::initLimit, from.limit);
  put_list(to, &HostSelection::Builder::initExclude, from.exclude);
}

void write_body(Body to, const rollback::SnapshotRequest& from) {
  auto request = to.initSnapshot();
  put(request, &SnapshotRequest::Builder::setLabel, from.label);
  request.setUnhealthyOk(from.unhealthy_ok);
  put(request, &SnapshotRequest::Builder::setGitRef, from.git_ref);
  request.setDryRun(from.dry_run);
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
  request.setConfirmNs(from.confirm.count());
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
  request.setDryRun(from.dry_run);
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

}  // namespace rollback::wire

namespace rollback {

Result<std::string> encode_command(const Command& command) {
  return wire::encode<wire::Command>(FrameKind::kCommand, WireLimits::kMaxFrame, command);
}

}  // namespace rollback
