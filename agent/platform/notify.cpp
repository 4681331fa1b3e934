// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/notify.h"

#include <systemd/sd-daemon.h>

#include <string>

namespace rollback {

namespace {

Status tell(const std::string& state) {
  const int sent = sd_notify(0, state.c_str());
  if (sent < 0) return fail_errno(-sent, "tell systemd '" + state + "' over NOTIFY_SOCKET");
  return {};
}

}  // namespace

Status notify_ready() { return tell("READY=1"); }
Status notify_stopping() { return tell("STOPPING=1"); }
Status notify_watchdog() { return tell("WATCHDOG=1"); }

}  // namespace rollback
