// SPDX-License-Identifier: Apache-2.0
// Reads a unit's properties out of systemd's answer to GetAll.
#pragma once

#include "agent/platform/service_manager.h"

struct sd_bus_message;

namespace rollback {

// `reply` holds an a{sv} of all interfaces of the unit. Properties that a unit type does not have
// (MainPID of a timer) keep their defaults; unknown ones are passed over.
Result<UnitInfo> parse_unit_properties(sd_bus_message* reply);

}  // namespace rollback
