// SPDX-License-Identifier: Apache-2.0
// Puts damaged or missing objects again when this host still has the right bytes: managed files as
// they are now, the directories and the snapshot they make, and files in stages that a run left
// (`.rollback/kept-RUN`). What is put has the hash that is asked for, whatever file it came from.
// Run thread.
#pragma once

#include <cstddef>
#include <vector>

#include "agent/service/host.h"
#include "agent/store/damage_report.h"

namespace rollback {

// For each of `damage`, whether it is sound now. Fails when the host cannot be looked at or the
// store takes nothing.
Result<std::vector<bool>> repair(Host& host, const std::vector<Damage>& damage);

}  // namespace rollback
