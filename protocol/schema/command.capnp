# SPDX-License-Identifier: Apache-2.0
# What may be asked (protocol/commands.h). The rules for change stand in model.capnp; besides, the
# alternatives of a body keep their ordinals for ever: proofs are made over these bytes.
@0x873b12114319290d;

using Cxx = import "/capnp/c++.capnp";
using Model = import "model.capnp";
$Cxx.namespace("rollback::wire");

struct SnapshotRequest {
  label @0 :Text;
  unhealthyOk @1 :Bool;
  gitRef @2 :Text;
  dryRun @3 :Bool;
}
struct HistoryRequest {
  limit @0 :UInt32;
}
struct ShowRequest {
  revision @0 :Text;
  tree @1 :Bool;
}
struct DiffRequest {
  from @0 :Text;
  to @1 :Text;
  stat @2 :Bool;
}
struct PlanRequest {
  to @0 :Text;
  diff @1 :Bool;
  drift @2 :UInt16;
}
struct RollbackRequest {
  to @0 :Text;
  dryRun @1 :Bool;
  timeoutNs @2 :Int64;
  acceptRemovals @3 :Bool;
  plan @4 :Data;  # 32 bytes, or empty for none
  drift @5 :UInt16;
  acceptFacts @6 :List(Text);
  confirmNs @7 :Int64;
}
struct UndoRequest {
  run @0 :Text;
  dryRun @1 :Bool;
  timeoutNs @2 :Int64;
  drift @3 :UInt16;
  acceptFacts @4 :List(Text);
}
struct VerifyRequest {
  revision @0 :Text;
  all @1 :Bool;
  deep @2 :Bool;
  repair @3 :Bool;
  restart @4 :Bool;
  rate @5 :UInt64;
}
struct MarkRequest {
  revision @0 :Text;
  change @1 :UInt16;
}
struct PruneRequest {
  dryRun @0 :Bool;
  keep @1 :UInt32;
  olderThanNs @2 :Int64;
  maxSize @3 :UInt64;
}
struct ExportRequest {
  revision @0 :Text;
}
struct DeployBeginRequest {
  label @0 :Text;
  gitRef @1 :Text;
  pid @2 :UInt32;
  timeoutNs @3 :Int64;
  undo @4 :Bool;
  dryRun @5 :Bool;
}
struct DeployEndRequest {
  run @0 :Text;
  aborted @1 :Bool;
  exitCode @2 :Int32;
}
struct LockRequest {
  release @0 :Bool;
}
struct RunListRequest {
  limit @0 :UInt32;
}
struct RunRequest {
  # show, abort, resume, undo and confirm of a run
  run @0 :Text;
}
struct RunWatchRequest {
  run @0 :Text;
  from @1 :UInt64;
}
struct PrepareRequest {
  run @0 :Data;
  to @1 :Text;
  leaseNs @2 :Int64;
  timeoutNs @3 :Int64;
  confirmNs @4 :Int64;
}
struct CommitRequest {
  run @0 :Data;
  planDigest @1 :Data;
}
struct ForgetRequest {
  run @0 :Data;
}
struct HostSelection {
  limit @0 :List(Text);
  exclude @1 :List(Text);
}
struct FleetRollbackRequest {
  to @0 :Text;
  hosts @1 :HostSelection;
  policy @2 :Model.RolloutPolicy;
  dryRun @3 :Bool;
}
struct FleetSnapshotRequest {
  label @0 :Text;
  hosts @1 :HostSelection;
  unhealthyOk @2 :Bool;
  gitRef @3 :Text;
}
struct FleetRequest {
  # status and health of a fleet
  hosts @0 :HostSelection;
}
struct FleetRelayRequest {
  verb @0 :UInt16;
  revision @1 :Text;
  to @2 :Text;
  hosts @3 :HostSelection;
}
struct HostRequest {
  # accept, reject and remove of a host
  host @0 :Text;
}

struct CommandBody {
  union {
    none @0 :Void;  # what zeroed bytes decode to: refused
    snapshot @1 :SnapshotRequest;
    history @2 :HistoryRequest;
    show @3 :ShowRequest;
    diff @4 :DiffRequest;
    plan @5 :PlanRequest;
    rollback @6 :RollbackRequest;
    undo @7 :UndoRequest;
    verify @8 :VerifyRequest;
    health @9 :Void;
    status @10 :Void;
    runList @11 :RunListRequest;
    runShow @12 :RunRequest;
    runWatch @13 :RunWatchRequest;
    runAbort @14 :RunRequest;
    configCheck @15 :Void;
    prepare @16 :PrepareRequest;
    commit @17 :CommitRequest;
    forget @18 :ForgetRequest;
    fleetRollback @19 :FleetRollbackRequest;
    fleetSnapshot @20 :FleetSnapshotRequest;
    fleetStatus @21 :FleetRequest;
    fleetHealth @22 :FleetRequest;
    fleetRelay @23 :FleetRelayRequest;
    hostList @24 :Void;
    hostAccept @25 :HostRequest;
    hostReject @26 :HostRequest;
    hostRemove @27 :HostRequest;
    runResume @28 :RunRequest;
    runUndo @29 :RunRequest;
    mark @30 :MarkRequest;
    prune @31 :PruneRequest;
    stats @32 :Void;
    export @33 :ExportRequest;
    import @34 :Void;
    deployBegin @35 :DeployBeginRequest;
    deployEnd @36 :DeployEndRequest;
    runConfirm @37 :RunRequest;
    lock @38 :LockRequest;
  }
}

struct Command {
  fleet @0 :Text;
  id @1 :Data;    # 16 bytes
  host @2 :Data;  # 16 bytes
  run @3 :Data;   # 6 bytes
  epoch @4 :UInt64;
  seq @5 :UInt64;
  notBeforeNs @6 :Int64;
  notAfterNs @7 :Int64;
  actor @8 :Text;
  reason @9 :Text;
  body @10 :CommandBody;
}

struct Envelope {
  payload @0 :Data;
  proofs @1 :List(Data);
}
