// SPDX-License-Identifier: Apache-2.0
// Turns the file steps of a plan into operations, and writes what they need into the stages: new
// contents with their final owner, mode, attributes and time, by several threads at once, and
// durable when it returns. Touches nothing live.
#pragma once

#include <functional>
#include <vector>

#include "agent/apply/file_op.h"
#include "agent/apply/stage.h"
#include "agent/apply/touched.h"
#include "agent/capture/owner_names.h"
#include "agent/capture/read_pool.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace rollback {

// Verified content of a file, in order and in pieces; kCorrupt or kNotFound otherwise. Any thread.
using ContentSource =
    std::function<Status(const Digest&, const std::function<Status(std::string_view)>& use)>;

struct StagingInput {
  const Directory& root;
  const StageSet& stages;  // made
  const Plan& plan;
  const HostState& live;
  const HostState& target;
  const ContentSource& content;
  const OwnerNames& owners;  // of this host
  ReadPool& writers;
  SyncPolicy policy = {};
};

// The metadata of `node` with the numbers that its owners' names have here; the recorded numbers
// where they have none.
FileMeta with_owners_of_host(const Node& node, const OwnerNames& owners);

Result<std::vector<FileOp>> stage_contents(const StagingInput& input);

}  // namespace rollback
