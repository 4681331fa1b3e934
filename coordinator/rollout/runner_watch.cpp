// SPDX-License-Identifier: Apache-2.0
// What watchers of a rollout are told.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "coordinator/rollout/runner.h"

namespace rollback {

namespace {

// A record with more hosts than this would not fit into one reply; they follow one by one.
constexpr std::size_t kMostHostsInside = 1000;

std::string counts_of(const RolloutRecord& rollout) {
  std::map<HostPhase, std::size_t> counts;
  for (const auto& host : rollout.hosts) ++counts[host.phase];
  std::string text;
  for (const auto& [phase, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(phase));
  return text;
}

std::optional<Error> error_of(const RolloutRecord& rollout) {
  const std::string id = rollout.id.str();
  if (rollout.state == RolloutState::kPaused)
    return Error{ErrorCode::kConflict,
                 fmt::format("run {} is paused ({}): 'rollbackctl fleet run resume {}' goes on, "
                             "'rollbackctl fleet run undo {}' takes back what it changed, "
                             "'rollbackctl fleet run abort {}' ends it here",
                             id, counts_of(rollout), id, id, id)};
  if (rollout.exit_code == 0) return std::nullopt;
  return Error{ErrorCode::kConflict,
               fmt::format("run {} did not take every host to {} ({}); 'rollbackctl fleet run show "
                           "{}' tells why",
                           id, rollout.to, counts_of(rollout), id)};
}

void send_header(const RolloutRecord& rollout, Watcher& watcher) {
  RolloutRecord header = rollout;
  header.hosts.clear();
  watcher.send("", std::move(header));
}

void send_hosts(const RolloutRecord& rollout, Watcher& watcher) {
  for (const auto& host : rollout.hosts) watcher.send(host.name, host);
}

}  // namespace

void send_report(const RolloutRecord& rollout, Watcher& watcher) {
  send_header(rollout, watcher);
  send_hosts(rollout, watcher);
  const bool changed =
      std::any_of(rollout.hosts.begin(), rollout.hosts.end(), [](const RolloutHost& host) {
        return host.phase == HostPhase::kInconsistent || host.phase == HostPhase::kUnknown ||
               (host.phase == HostPhase::kDone && host.changed);
      });
  watcher.send("", End{static_cast<ExitCode>(rollout.exit_code), changed, error_of(rollout)});
}

void Runner::watch(const RunId& run, const WatcherPtr& watcher) {
  if (!active_ || active_->id != run) {
    const auto rollout = deps_.ledger.load(run);
    if (!rollout) return watcher->send("", End{ExitCode::kRefused, false, rollout.error()});
    return send_report(*rollout, *watcher);
  }
  if (active_->state == RolloutState::kPaused) return send_report(*active_, *watcher);
  if (active_->hosts.size() <= kMostHostsInside) {
    watcher->send("", *active_);
  } else {
    send_header(*active_, *watcher);
    send_hosts(*active_, *watcher);
  }
  watchers_.emplace(run, watcher);
}

void Runner::announce(const RolloutStep& step, RolloutState before) {
  for (const auto& line : step.said)
    deps_.log(fmt::format("run {}: {}", step.state.id.str(), line));
  const auto [first, last] = watchers_.equal_range(step.state.id);
  const bool turned = step.state.state != before && step.state.state != RolloutState::kDone;
  for (auto it = first; it != last; ++it) {
    if (turned) send_header(step.state, *it->second);
    for (const auto& host : step.state.hosts)
      if (std::find(step.changed.begin(), step.changed.end(), host.id) != step.changed.end())
        it->second->send(host.name, host);
    for (const auto& line : step.said) it->second->send("", Line{EventLevel::kInfo, line});
  }
}

void Runner::tell_host(const TaskKey& key, const ReplyBody& body) {
  const auto [first, last] = watchers_.equal_range(key.first);
  if (first == last || !active_) return;
  const auto host =
      std::find_if(active_->hosts.begin(), active_->hosts.end(),
                   [&](const RolloutHost& member) { return member.id == key.second; });
  if (host == active_->hosts.end()) return;
  for (auto it = first; it != last; ++it) it->second->send(host->name, body);
}

void Runner::finish_watchers(const RunId& run) {
  const auto [first, last] = watchers_.equal_range(run);
  for (auto it = first; it != last; ++it) send_report(*active_, *it->second);
  watchers_.erase(first, last);
}

}  // namespace rollback
