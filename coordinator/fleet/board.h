// SPDX-License-Identifier: Apache-2.0
// What is known of every host right now: who is online, on which release, how healthy. Volatile;
// what must last is in the store. Loop thread only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/clock.h"
#include "model/host.h"
#include "protocol/replies.h"

namespace rollback {

class Board {
 public:
  static constexpr Duration kOfflineAfter = std::chrono::seconds(8);  // four heartbeats

  void heard(const HostId& host, BootTime now, WallTime wall);
  void reported(const HostId& host, const StatusItem& status, const HealthItem& health);
  void lost(const HostId& host);
  [[nodiscard]] bool is_online(const HostId& host, BootTime now) const;
  [[nodiscard]] HostItem item(const HostRecord& record, BootTime now) const;

  // "2 healthy, 1 unhealthy, 1 offline; releases: v2.4.1 on 2, v2.5.0 on 1 (split)"
  [[nodiscard]] std::string summary(const std::vector<HostRecord>& hosts, BootTime now) const;
  // Worst of the hosts: kUnhealthy also for an offline one.
  [[nodiscard]] Verdict verdict(const std::vector<HostRecord>& hosts, BootTime now) const;

 private:
  struct Seen {
    BootTime at;
    WallTime wall;
    bool connected = false;
    StatusItem status;
    HealthItem health;
  };
  std::map<HostId, Seen> seen_;
};

}  // namespace rollback
