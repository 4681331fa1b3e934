// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/notify.h"

#include <systemd/sd-daemon.h>

namespace rollback {

// Nobody can be told that telling failed; systemd notices silence by itself.
void notify_ready() { (void)sd_notify(0, "READY=1"); }
void notify_stopping() { (void)sd_notify(0, "STOPPING=1"); }
void notify_watchdog() { (void)sd_notify(0, "WATCHDOG=1"); }

}  // namespace rollback
