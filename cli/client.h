// SPDX-License-Identifier: Apache-2.0
// Talks to the agent or the coordinator of this machine over its unix socket: one command, a stream
// of answers. One thread.
#pragma once

#include <functional>
#include <string>

#include "core/clock.h"
#include "core/random.h"
#include "protocol/messages.h"

namespace rollback {

// How one command ended for the person who typed it.
struct Asking {
  std::string socket;   // "/run/rollback-agent/agent.sock"
  std::string daemon;   // "rollback-agent", for errors
  std::string reason;   // -m
  int descriptor = -1;  // goes with the request: an archive
};

class Client {
 public:
  // `interrupted` becomes true on Ctrl-C. It is asked about ten times a second.
  Client(Asking asking, Random& random, std::function<bool()> interrupted)
      : asking_(std::move(asking)), random_(random), interrupted_(std::move(interrupted)) {}

  // Calls `on_reply` for every answer before the End, which is returned; `on_idle` about ten times
  // a second meanwhile (clocks on the screen). Errors: kNotFound (no daemon there), kDenied (the
  // socket does not let us in), kTimeout (interrupted: the daemon goes on), kIo (it went away).
  Result<End> ask(const CommandBody& body, const std::function<void(const Reply&)>& on_reply,
                  const std::function<void()>& on_idle = nullptr);

 private:
  Asking asking_;
  Random& random_;
  std::function<bool()> interrupted_;
};

}  // namespace rollback
