// SPDX-License-Identifier: Apache-2.0
// The loop: transports in, answers out, timers, watchdog. It never blocks for longer than a poll.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/service/door.h"
#include "agent/service/link.h"
#include "core/clock.h"
#include "protocol/poller.h"
#include "protocol/unix_channel.h"

namespace rollback {

class Agent {
 public:
  struct Deps {
    Host& host;
    Poller& poller;
    Outbox& outbox;
    const Clock& clock;
    std::function<void()> feed_watchdog;
    std::function<bool()> stopping;  // a signal asked for the end
    // What the service logs: one line per finished command and per change of the link's state.
    std::function<void(const std::string&)> log;
    bool alone = false;  // ends by itself once nobody asks and no run is at work
  };
  Agent(Deps deps, std::vector<LinkTarget> targets, Link::Deps link);

  // Listens on `socket`; answers from here on.
  Status listen(const DoorOptions& socket);
  // Until stopping() is true.
  Status run();

 private:
  void deliver();
  void tick();
  void say_refusals();  // one line in the log when there are new ones
  [[nodiscard]] bool on_time() const;
  bool is_over();  // of one that is alone

  Deps deps_;
  Link link_;
  Door door_;
  std::unique_ptr<UnixDoor> socket_;
  BootTime next_second_;
  BootTime next_health_;
  BootTime asked_;  // when somebody last was there, or a run at work
  std::string link_state_;
  std::uint64_t refusals_said_ = 0;
  bool needs_new_start_ = false;  // of the store after a full disk, and nothing is at work
  std::set<ConnectionId> full_;   // clients for which long answers wait
};

}  // namespace rollback
