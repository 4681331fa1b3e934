// SPDX-License-Identifier: Apache-2.0
// What the agent tells the systemd that started it (Type=notify). Without NOTIFY_SOCKET each call
// succeeds and does nothing. Any thread.
#pragma once

#include "core/result.h"

namespace rollback {

Status notify_ready();
Status notify_stopping();
Status notify_watchdog();

}  // namespace rollback
