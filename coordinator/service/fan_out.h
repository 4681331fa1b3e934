// SPDX-License-Identifier: Apache-2.0
// One question to many hosts at once: their answers as they come, who did not answer, and one End.
// Loop thread only.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "coordinator/rollout/agents.h"
#include "coordinator/rollout/watcher.h"
#include "core/clock.h"
#include "model/exit_code.h"
#include "model/host.h"

namespace rollback {

// Precedence 5 > 6 > 9 > 4 > 8 > 7 > 2 > 1 > 0; some done and some not is 6, unless one is 5.
ExitCode worst_of(const std::vector<ExitCode>& codes);

class FanOut {
 public:
  struct Outcome {
    std::vector<ExitCode> codes;      // one per host; kPartial for those without an answer
    std::vector<std::string> silent;  // names of these
    bool changed = false;
  };
  struct Order {
    std::vector<HostRecord> hosts;
    CommandBody body;
    std::string actor;
    std::string reason;
    Duration deadline{};
    WatcherPtr watcher;
    // What to do with an answer other than an End; by default it goes to the watcher.
    std::function<void(const HostRecord&, const ReplyBody&)> on_item;
    // How it ends; by default an End with worst_of(codes).
    std::function<void(const Outcome&)> on_finish;
  };

  FanOut(Agents& agents, const Clock& clock) : agents_(agents), clock_(clock) {}
  ~FanOut();
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;

  void start(Order order);
  void tick();  // deadlines

 private:
  struct Asking {
    Order order;
    BootTime deadline;
    std::map<HostId, CommandId> waiting;
    Outcome outcome;
  };
  void ask(Asking& asking, const HostRecord& host);
  void on_reply(Asking& asking, const HostRecord& host, const Reply& reply);
  static void has_no_answer(Asking& asking, const HostRecord& host, const std::string& why);
  void finish(Asking& asking);

  Agents& agents_;
  const Clock& clock_;
  std::list<Asking> askings_;  // callbacks hold references
};

}  // namespace rollback
