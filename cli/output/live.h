// SPDX-License-Identifier: Apache-2.0
// A rollout while it runs. On a terminal a table of hosts and phases is redrawn in place, with the
// time that has passed against the budget; elsewhere, and in every other format, plain lines as
// they come. At the end the report: every host, its times, and why.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/session.h"
#include "protocol/messages.h"

namespace rollback {

// What is known of a rollout from its answers so far, and how it is drawn. Pure apart from str().
class Board {
 public:
  explicit Board(const Session& session) : session_(session) {}
  void take(const Reply& reply);
  // The whole picture, at most `height` lines; hosts in trouble and at work come first.
  [[nodiscard]] std::string str(WallTime now, std::size_t height) const;

 private:
  [[nodiscard]] std::string head(WallTime now) const;

  const Session& session_;
  RolloutRecord rollout_;
  std::map<std::string, RolloutHost> hosts_;       // by name
  std::map<std::string, std::string> last_event_;  // by host
};

// Sends `body` to the coordinator and shows the rollout that answers; sets the exit code.
void watch_rollout(Session& session, const CommandBody& body);

}  // namespace rollback
