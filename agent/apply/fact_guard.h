// SPDX-License-Identifier: Apache-2.0
// Facts of the host that differ from those a release was recorded with: data that this release may
// not be able to read. Private to agent/apply.
#pragma once

#include "agent/apply/active_run.h"

namespace rollback {

// kConflict names what differs or cannot be read and was not accepted; kInvalid an accepted fact
// that there is not. What was read becomes part of the origin.
Status check_facts(const RunDeps& deps, const PrepareOrder& order, Comparison& comparison,
                   RunLog& log);

}  // namespace rollback
