// SPDX-License-Identifier: Apache-2.0
// What the coordinator tells the systemd that started it (Type=notify): the one file outside the
// agent's platform that uses libsystemd. Without NOTIFY_SOCKET each call does nothing. Any thread.
#pragma once

namespace rollback {

void notify_ready();
void notify_stopping();
void notify_watchdog();

}  // namespace rollback
