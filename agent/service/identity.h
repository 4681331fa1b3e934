// SPDX-License-Identifier: Apache-2.0
// Who this host is: a random id and a key that stay with its state directory, never its name.
#pragma once

#include <string>
#include <vector>

#include "agent/options.h"
#include "agent/service/host.h"
#include "agent/service/link.h"
#include "protocol/keys.h"
#include "protocol/unix_channel.h"

namespace rollback {

struct Identity {
  HostIdentity host;
  CurveKeys keys;
  Hello hello;
};

// Reads `host-id`, `agent.key` and `agent.pub` below `state`, or makes them.
Result<Identity> load_identity(const Directory& state, const AgentOptions& options,
                               const Clock& clock, Random& random);
// Every endpoint with every key of it; the key files are read below `root`.
Result<std::vector<LinkTarget>> load_targets(const Directory& root, const AgentOptions& options);
// What a crash left to do: units and the record of a run whose files are decided already.
void finish_interrupted(Host& host);
// When there is room again: the store takes what comes, and the outcome of a run that it had not
// taken.
void go_on_after_full_disk(Host& host);

}  // namespace rollback
