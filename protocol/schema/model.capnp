# SPDX-License-Identifier: Apache-2.0
# The values of model/, as stored and as sent.
#
# Rules for change, because hashes and stored bytes hang on this file:
#   * An ordinal is never reused, renumbered or given another type. New fields get the next ordinal.
#   * A new field's default must mean what its absence meant: canonical bytes of older values stay.
#   * A field that an older reader must not overlook raises the format version (protocol/frame.h).
#   * Numbers of enumerations are those of the C++ enums; 0 means "absent" and is refused.
#   * Data holds bytes (ids, digests, paths, names of files), Text holds words for people.
@0xde966a3885f896a4;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rollback::wire");

struct Xattr {
  name @0 :Data;
  value @1 :Data;
}

struct Node {
  kind @0 :UInt16;
  mode @1 :UInt16;
  uid @2 :UInt32;
  gid @3 :UInt32;
  mtimeNs @4 :Int64;
  size @5 :UInt64;
  user @6 :Text;
  group @7 :Text;
  xattrs @8 :List(Xattr);
  content @9 :Data;  # 32 bytes, or empty for none
  root @10 :Data;    # same
  target @11 :Data;
  sparse @12 :Bool;
}

struct TreeEntry {
  name @0 :Data;
  node @1 :Node;
}

struct Tree {
  entries @0 :List(TreeEntry);
  special @1 :List(Data);
}

struct ManagedPath {
  path @0 :Data;
  node @1 :Node;  # null where nothing was there
}

struct UnitState {
  name @0 :Text;
  active @1 :Bool;
  enablement @2 :Text;
  fragment @3 :Data;
  uses @4 :List(Data);
}

struct Fact {
  name @0 :Text;
  value @1 :Text;
}

struct Resource {
  kind @0 :UInt16;
  name @1 :Text;
  paths @2 :List(ManagedPath);
  units @3 :List(UnitState);
  facts @4 :List(Fact);
  services @5 :List(Text);  # that run, of a compose project
}

struct Snapshot {
  resources @0 :List(Resource);
  hardLinks @1 :List(List(Data));
  facts @2 :List(Fact);
}

struct Revision {
  label @0 :Text;  # "v2.4.1" or "run:ID"
  number @1 :UInt32;
  snapshot @2 :Data;
  contentRoot @3 :Data;
  recordedNs @4 :Int64;
  unhealthy @5 :Bool;
  gitRef @6 :Text;
}

struct HistoryEntry {
  seq @0 :UInt64;
  timeNs @1 :Int64;
  action @2 :UInt16;
  actor @3 :Text;
  reason @4 :Text;
  from @5 :Text;
  to @6 :Text;
  run @7 :Text;
  outcome @8 :UInt16;
}

struct RunEvent {
  seq @0 :UInt64;
  timeNs @1 :Int64;
  phase @2 :UInt16;
  level @3 :UInt16;
  text @4 :Text;
}

struct Run {
  id @0 :Data;  # 6 bytes
  kind @1 :UInt16;
  actor @2 :Text;
  reason @3 :Text;
  from @4 :Text;
  to @5 :Text;
  planDigest @6 :Data;
  startedNs @7 :Int64;
  finishedNs @8 :Int64;
  phase @9 :UInt16;
  outcome @10 :UInt16;
  changed @11 :Bool;
  exitCode @12 :Int32;
  findings @13 :List(Text);
  timePhases @14 :List(UInt8);  # phase and duration of each phase, in two lists of one length
  timeNs @15 :List(Int64);
  commandEnded @16 :Bool;
  commandExit @17 :Int32;
}
struct Deploy {
  run @0 :Data;  # 6 bytes
  gitRef @1 :Text;
  undo @2 :Bool;
  scoped @3 :Bool;
  bootId @4 :Text;
  deadlineNs @5 :Int64;
  ended @6 :Bool;
  aborted @7 :Bool;
  exitCode @8 :Int32;
}

struct PlanStep {
  phase @0 :UInt16;
  action @1 :UInt16;
  subject @2 :Data;
  resource @3 :Text;
  why @4 :Text;
  reverse @5 :Text;
}

struct Plan {
  from @0 :Text;
  to @1 :Text;
  fromRoot @2 :Data;
  toRoot @3 :Data;
  steps @4 :List(PlanStep);
  warnings @5 :List(Text);
}

struct Amount {
  value @0 :UInt32;
  percent @1 :Bool;
}

struct RolloutPolicy {
  batches @0 :List(Amount);
  batchWaitNs @1 :Int64;
  maxFail @2 :Amount;
  onFailure @3 :UInt16;
  unready @4 :UInt16;
  missing @5 :UInt16;
  offline @6 :UInt16;
  timeoutNs @7 :Int64;
  confirmNs @8 :Int64;
}

# Kept small: one of these is written per host and change of phase.
struct RolloutHost {
  id :group {
    high @0 :UInt64;
    low @1 :UInt64;
  }
  planDigest :group {
    a @2 :UInt64;
    b @3 :UInt64;
    c @4 :UInt64;
    d @5 :UInt64;
  }
  phase @6 :UInt8;
  runPhase @7 :UInt8;
  changed @8 :Bool;
  wave @9 :UInt32;
  name @10 :Text;
  findings @11 :List(Text);
  timePhases @12 :List(UInt8);
  timeNs @13 :List(Int64);
  attempts @14 :UInt8;
}

struct Rollout {
  id @0 :Data;
  to @1 :Text;
  actor @2 :Text;
  reason @3 :Text;
  policy @4 :RolloutPolicy;
  state @5 :UInt16;
  aborted @6 :Bool;
  dryRun @7 :Bool;
  startedNs @8 :Int64;
  finishedNs @9 :Int64;
  exitCode @10 :Int32;
  wave @11 :UInt32;
  nextWaveNs @12 :Int64;
  resumedNs @13 :Int64;
}

struct Label {
  name @0 :Text;
  value @1 :Text;
}

# A host as the coordinator remembers it.
struct Host {
  id @0 :Data;  # 16 bytes
  name @1 :Text;
  publicKey @2 :Text;  # Z85
  labels @3 :List(Label);
  admission @4 :UInt16;
  enrolledNs @5 :Int64;
  decidedNs @6 :Int64;
  decidedBy @7 :Text;
}

struct ProbeResult {
  name @0 :Text;
  green @1 :Bool;
  advisory @2 :Bool;
  answer @3 :Text;
  tookNs @4 :Int64;
}
