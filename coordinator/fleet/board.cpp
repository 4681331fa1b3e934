// SPDX-License-Identifier: Apache-2.0
#include "coordinator/fleet/board.h"

#include <fmt/format.h>

#include "protocol/keys.h"

namespace rollback {

void Board::heard(const HostId& host, BootTime now, WallTime wall) {
  Seen& seen = seen_[host];
  seen.at = now;
  seen.wall = wall;
  seen.connected = true;
}

void Board::reported(const HostId& host, const StatusItem& status, const HealthItem& health) {
  seen_[host].status = status;
  seen_[host].health = health;
}

void Board::lost(const HostId& host) { seen_[host].connected = false; }

bool Board::is_online(const HostId& host, BootTime now) const {
  const auto found = seen_.find(host);
  return found != seen_.end() && found->second.connected && now - found->second.at <= kOfflineAfter;
}

HostItem Board::item(const HostRecord& record, BootTime now) const {
  HostItem item;
  item.id = record.id;
  item.name = record.name;
  item.fingerprint = fingerprint(record.public_key);
  item.admission = record.admission;
  item.labels = record.labels;
  item.online = is_online(record.id, now);
  if (const auto found = seen_.find(record.id); found != seen_.end()) {
    item.last_seen = found->second.wall;
    item.status = found->second.status;
    item.health = found->second.health;
  }
  return item;
}

std::string Board::summary(const std::vector<HostRecord>& hosts, BootTime now) const {
  std::map<std::string, std::size_t> verdicts;
  std::map<std::string, std::size_t> releases;
  for (const auto& host : hosts) {
    const HostItem item = this->item(host, now);
    ++verdicts[item.online ? std::string(to_string(item.health.verdict)) : "offline"];
    if (item.online) ++releases[item.status.release.empty() ? "(none)" : item.status.release];
  }
  std::string text;
  for (const auto& [name, count] : verdicts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  std::string on;
  for (const auto& [name, count] : releases)
    on += fmt::format("{}{} on {}", on.empty() ? "" : ", ", name, count);
  return fmt::format("{} host{}: {}; releases: {}{}", hosts.size(), hosts.size() == 1 ? "" : "s",
                     text.empty() ? "none" : text, on.empty() ? "none" : on,
                     releases.size() > 1 ? " (split)" : "");
}

Verdict Board::verdict(const std::vector<HostRecord>& hosts, BootTime now) const {
  Verdict worst = Verdict::kHealthy;
  for (const auto& host : hosts) {
    const HostItem item = this->item(host, now);
    if (!item.online || item.health.verdict == Verdict::kUnhealthy) return Verdict::kUnhealthy;
    if (item.health.verdict == Verdict::kDegraded ||
        (item.health.verdict == Verdict::kUnknown && worst == Verdict::kHealthy))
      worst = item.health.verdict;
  }
  return worst;
}

}  // namespace rollback
