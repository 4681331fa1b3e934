// SPDX-License-Identifier: Apache-2.0
// The properties of a transient unit, as StartTransientUnit takes them.
#pragma once

#include <string>

#include "agent/platform/program_runner.h"

struct sd_bus_message;

namespace rollback {

// Appends all arguments of StartTransientUnit; stdout and stderr go to `output`. < 0: -errno.
int append_transient_unit(sd_bus_message* message, const std::string& unit,
                          const ProgramRequest& request, int output);

}  // namespace rollback
