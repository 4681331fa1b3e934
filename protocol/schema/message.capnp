# SPDX-License-Identifier: Apache-2.0
# What agent and coordinator say to each other (protocol/messages.h). The rules for change stand in
# model.capnp.
@0x8a826fb3f0a73575;

using Cxx = import "/capnp/c++.capnp";
using Command = import "command.capnp";
using Model = import "model.capnp";
using Reply = import "reply.capnp";
$Cxx.namespace("rollback::wire");

struct Hello {
  version @0 :UInt32;
  host @1 :Data;
  name @2 :Text;
  agentVersion @3 :Text;
  labels @4 :List(Model.Label);
  bootId @5 :Text;
}
struct Heartbeat {
  status @0 :Reply.StatusItem;
  health @1 :Reply.HealthItem;
}
struct Welcome {
  version @0 :UInt32;
  fleet @1 :Text;
  epoch @2 :UInt64;
}

struct AgentMessage {
  union {
    none @0 :Void;  # what zeroed bytes decode to: refused
    hello @1 :Hello;
    heartbeat @2 :Heartbeat;
    reply @3 :Reply.Reply;
  }
}
struct CoordinatorMessage {
  union {
    none @0 :Void;
    welcome @1 :Welcome;
    pulseNs @2 :Int64;
    envelope @3 :Command.Envelope;
  }
}

struct EnrolmentRequest {
  hello @0 :Hello;
}
struct EnrolmentAnswer {
  admission @0 :UInt16;
  fingerprint @1 :Text;
}
