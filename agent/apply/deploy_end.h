// SPDX-License-Identifier: Apache-2.0
// What becomes of a deploy whose command is over. Private to agent/apply.
#pragma once

#include <functional>

#include "agent/apply/active_run.h"
#include "agent/apply/deploy.h"

namespace rollback {

// Captures the host into the store; `record` commits what it saw.
Status record_state(const RunDeps& deps,
                    const std::function<Result<SnapshotStore::Recorded>(const HostState&)>& record);

struct EndedDeploy {
  const RunDeps& deps;
  const Live& live;
  RollbackEngine& rollbacks;
  Scopes& scopes;
  const Deploy& deploy;
  const DeployEnd& end;
};

// The record with its outcome.
RunRecord decide_deploy(const EndedDeploy& ended, RunRecord record, RunListener& listener);

}  // namespace rollback
