// SPDX-License-Identifier: Apache-2.0
// Is the host what it should be? Captures it again and compares content, units and running
// programs.
#pragma once

#include <string>
#include <vector>

#include "agent/apply/journal_records.h"
#include "agent/apply/rollback.h"
#include "agent/apply/stage.h"
#include "agent/capture/memory_sink.h"

namespace rollback {

// What keeps the host from being `wanted`, one line each; empty is equal. Read is what was not seen
// as it is now by the capture that `memory` comes from.
Result<std::vector<std::string>> compare_host(const RunDeps& deps, const HostState& wanted,
                                              const std::string& name, CaptureMemory& memory);

// Restarted units run new processes of the new files; one line for each that does not.
std::vector<std::string> check_restarted(const RunDeps& deps, const JournalIntent& intent,
                                         const StageSet& stages);

}  // namespace rollback
