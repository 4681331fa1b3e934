// SPDX-License-Identifier: Apache-2.0
// What is left of an interrupted run once its files are decided: its units, its record, its stage.
#pragma once

#include <optional>

#include "agent/apply/rollback.h"

namespace rollback {

// nullopt when there is no unfinished run. Decides the files too when nobody has yet.
Result<std::optional<RunRecord>> finish_interrupted_run(const RunDeps& deps, const Live& live,
                                                        RunListener& listener);

}  // namespace rollback
