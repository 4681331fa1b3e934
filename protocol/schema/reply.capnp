# SPDX-License-Identifier: Apache-2.0
# What is answered (protocol/replies.h). The rules for change stand in model.capnp.
@0xab43cf0ce0c93b60;

using Cxx = import "/capnp/c++.capnp";
using Model = import "model.capnp";
$Cxx.namespace("rollback::wire");

struct Line {
  level @0 :UInt16;
  text @1 :Text;
}
struct RevisionItem {
  revision @0 :Model.Revision;
  status @1 :UInt16;
  blocked @2 :Bool;
  current @3 :Bool;
  pinned @4 :Bool;
  counted @5 :Bool;
  files @6 :UInt64;
  bytes @7 :UInt64;
  blockedWhy @8 :Text;
  facts @9 :List(Model.Fact);
}
struct ResourceItem {
  resource @0 :Model.Resource;
  files @1 :UInt64;
  bytes @2 :UInt64;
}
struct PathItem {
  path @0 :Data;
  node @1 :Model.Node;
  special @2 :Bool;
  hardLinks @3 :UInt32;
}
struct DiffItem {
  path @0 :Data;
  change @1 :Text;
  differences @2 :List(Text);
  text @3 :Text;
  content @4 :UInt16;
  addedLines @5 :UInt64;
  removedLines @6 :UInt64;
  sizeBefore @7 :UInt64;
  sizeAfter @8 :UInt64;
  before @9 :Data;
  after @10 :Data;
}
struct PlanItem {
  plan @0 :Model.Plan;
  digest @1 :Data;
  estimateNs @2 :Int64;
  downtimeNs @3 :Int64;
  drift @4 :UInt16;
}
struct EventItem {
  run @0 :Data;
  event @1 :Model.RunEvent;
}
struct Prepared {
  run @0 :Data;
  planDigest @1 :Data;
  changed @2 :Bool;
  estimateNs @3 :Int64;
  steps @4 :UInt32;
}
struct HealthItem {
  verdict @0 :UInt16;
  probes @1 :List(Model.ProbeResult);
  timeNs @2 :Int64;
}
struct StatusItem {
  id @0 :Data;
  host @1 :Text;
  version @2 :Text;
  release @3 :Text;
  snapshot @4 :Data;
  health @5 :UInt16;
  store @6 :Text;
  run @7 :Text;
  runPhase @8 :UInt16;
  link @9 :Text;
  uptimeNs @10 :Int64;
  verifiedNs @11 :Int64;
  reserve @12 :Text;
}
struct HostItem {
  id @0 :Data;
  name @1 :Text;
  fingerprint @2 :Text;
  admission @3 :UInt16;
  labels @4 :List(Model.Label);
  online @5 :Bool;
  lastSeenNs @6 :Int64;
  status @7 :StatusItem;
  health @8 :HealthItem;
}
struct RolloutItem {
  rollout @0 :Model.Rollout;
  hosts @1 :List(Model.RolloutHost);
}
struct ProgressItem {
  work @0 :Text;
  files @1 :UInt64;
  bytes @2 :UInt64;
  totalFiles @3 :UInt64;
  totalBytes @4 :UInt64;
  elapsedNs @5 :Int64;
}
struct PruneItem {
  revision @0 :Text;
  removed @1 :Bool;
  why @2 :Text;
  bytes @3 :UInt64;
}
struct PruneSummary {
  dryRun @0 :Bool;
  removed @1 :UInt32;
  kept @2 :UInt32;
  bytes @3 :UInt64;
  diskBefore @4 :UInt64;
  diskAfter @5 :UInt64;
}
struct DamageItem {
  object @0 :Text;
  what @1 :Text;
  releases @2 :List(Text);
  paths @3 :List(Data);
  repaired @4 :Bool;
}
struct VerifySummary {
  deep @0 :Bool;
  objects @1 :UInt64;
  bytes @2 :UInt64;
  damaged @3 :UInt32;
  repaired @4 :UInt32;
  resumed @5 :Bool;
}
struct ReleaseStats {
  revision @0 :Text;
  files @1 :UInt64;
  logical @2 :UInt64;
  stored @3 :UInt64;
  unique @4 :UInt64;
  stays @5 :Text;
}
struct StoreStats {
  revisions @0 :UInt32;
  logical @1 :UInt64;
  stored @2 :UInt64;
  disk @3 :UInt64;
  contents @4 :UInt64;
  trees @5 :UInt64;
  distinct @6 :UInt64;
}
struct ArchiveItem {
  revision @0 :Text;
  records @1 :UInt64;
  bytes @2 :UInt64;
  digest @3 :Data;
}
struct Error {
  code @0 :UInt16;
  message @1 :Text;
}
struct End {
  exitCode @0 :UInt16;
  changed @1 :Bool;
  error @2 :Error;  # null when there is none
}

struct Reply {
  command @0 :Data;
  index @1 :UInt64;
  host @2 :Text;
  union {
    none @3 :Void;  # what zeroed bytes decode to: refused
    line @4 :Line;
    revision @5 :RevisionItem;
    history @6 :Model.HistoryEntry;
    resource @7 :ResourceItem;
    path @8 :PathItem;
    diff @9 :DiffItem;
    plan @10 :PlanItem;
    step @11 :Model.PlanStep;
    event @12 :EventItem;
    run @13 :Model.Run;
    prepared @14 :Prepared;
    health @15 :HealthItem;
    status @16 :StatusItem;
    hostItem @17 :HostItem;
    rollout @18 :RolloutItem;
    rolloutHost @19 :Model.RolloutHost;
    end @20 :End;
    progress @21 :ProgressItem;
    prune @22 :PruneItem;
    pruneSummary @23 :PruneSummary;
    damage @24 :DamageItem;
    verifySummary @25 :VerifySummary;
    releaseStats @26 :ReleaseStats;
    storeStats @27 :StoreStats;
    archive @28 :ArchiveItem;
  }
}
