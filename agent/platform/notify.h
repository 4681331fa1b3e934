// SPDX-License-Identifier: Apache-2.0
// What the agent tells the systemd that started it (Type=notify). Without NOTIFY_SOCKET each call
// succeeds and does nothing. Any thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace rollback {

Status notify_ready();
Status notify_stopping();
Status notify_watchdog();

// How often notify_watchdog() is due: half of the unit's WatchdogSec. nullopt: no watchdog, or one
// meant for another process. Takes the values of WATCHDOG_USEC and WATCHDOG_PID ("" when unset).
std::optional<Duration> watchdog_interval(std::string_view watchdog_usec,
                                          std::string_view watchdog_pid, pid_t self);

}  // namespace rollback
