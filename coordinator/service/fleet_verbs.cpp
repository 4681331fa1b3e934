// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/fleet_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "coordinator/fleet/selector.h"
#include "coordinator/service/undo_watcher.h"
#include "core/overloaded.h"
#include "core/version.h"
#include "protocol/keys.h"

namespace rollback {

namespace {

namespace ev = rollout_event;

constexpr Duration kCapturing = std::chrono::minutes(30);
constexpr Duration kReading = std::chrono::minutes(1);
constexpr Duration kComparing = std::chrono::minutes(10);
constexpr Duration kProbing = std::chrono::seconds(10);

// What an error means when nothing was changed.
ExitCode exit_code_of(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::kBusy:
      return ExitCode::kLocked;
    case ErrorCode::kDenied:
      return ExitCode::kDenied;
    case ErrorCode::kInvalid:
      return ExitCode::kUsage;
    default:
      return ExitCode::kRefused;
  }
}

void refuse(Watcher& watcher, const Error& error) {
  watcher.send("", End{exit_code_of(error), false, error});
}

void finish(Watcher& watcher, bool changed) {
  watcher.send("", End{ExitCode::kDone, changed, std::nullopt});
}

CommandBody body_of(const FleetRelayRequest& request) {
  switch (request.verb) {
    case RelayVerb::kHistory:
      return HistoryRequest{};
    case RelayVerb::kPlan:
      return PlanRequest{request.revision, false};
    case RelayVerb::kVerify:
      return VerifyRequest{request.revision};
    case RelayVerb::kDiff:
      break;
  }
  return DiffRequest{request.revision, request.to, false};
}

std::string_view past_tense(Admission admission) {
  return admission == Admission::kAccepted ? "accepted" : to_string(admission);
}

}  // namespace

void FleetVerbs::serve(const Command& command, const std::string& actor,
                       const WatcherPtr& watcher) {
  const Asked asked{actor, command.reason, watcher};
  std::visit(
      Overloaded{
          [&](const FleetRollbackRequest& r) { roll_back(r, asked); },
          [&](const FleetSnapshotRequest& r) { snapshot(r, asked); },
          [&](const FleetRelayRequest& r) { relay(r, asked); },
          [&](const FleetHealthRequest& r) { health(r, asked); },
          [&](const FleetStatusRequest& r) { status(r, asked); },
          [&](const StatusRequest&) { own_status(asked); },
          [&](const HostListRequest&) { list_hosts(asked); },
          [&](const HostAcceptRequest& r) { decide(r.host, Admission::kAccepted, asked); },
          [&](const HostRejectRequest& r) { decide(r.host, Admission::kRejected, asked); },
          [&](const HostRemoveRequest& r) { decide(r.host, Admission::kRemoved, asked); },
          [&](const RunListRequest& r) { list_runs(r, asked); },
          [&](const RunShowRequest& r) { show_run(r, asked); },
          [&](const RunWatchRequest& r) { watch_run(r, asked); },
          [&](const RunAbortRequest& r) { tell_run(r.run, ev::Abort{actor}, false, asked); },
          [&](const RunResumeRequest& r) { tell_run(r.run, ev::Resume{actor}, true, asked); },
          [&](const RunUndoRequest& r) { undo(r.run, actor, asked); },
          [&](const auto&) {
            refuse(*watcher, {ErrorCode::kDenied, "that is served by the agent of a host"});
          },
      },
      command.body);
}

bool FleetVerbs::select(const HostSelection& selection, const Asked& asked,
                        std::vector<HostRecord>& hosts) {
  auto selected = select_hosts(deps_.fleet.hosts.accepted(), selection);
  if (!selected) {
    refuse(*asked.watcher, selected.error());
    return false;
  }
  hosts = *std::move(selected);
  return true;
}

void FleetVerbs::fan_out(std::vector<HostRecord> hosts, CommandBody body, Duration deadline,
                         const Asked& asked) {
  deps_.fan_out.start({std::move(hosts),
                       std::move(body),
                       asked.actor,
                       asked.reason,
                       deadline,
                       asked.watcher,
                       {},
                       {}});
}

void FleetVerbs::roll_back(const FleetRollbackRequest& request, const Asked& asked) {
  if (const auto name = RevisionName::parse(request.to); !name)
    return refuse(*asked.watcher, name.error());
  std::vector<HostRecord> hosts;
  if (!select(request.hosts, asked, hosts)) return;
  const auto run = deps_.runner.start(request, hosts, asked.actor, asked.reason);
  if (!run) return refuse(*asked.watcher, run.error());
  deps_.runner.watch(*run, asked.watcher);
}

void FleetVerbs::snapshot(const FleetSnapshotRequest& request, const Asked& asked) {
  std::vector<HostRecord> hosts;
  if (!select(request.hosts, asked, hosts)) return;
  fan_out(std::move(hosts),
          SnapshotRequest{request.label, request.unhealthy_ok, request.git_ref, false}, kCapturing,
          asked);
}

void FleetVerbs::relay(const FleetRelayRequest& request, const Asked& asked) {
  std::vector<HostRecord> hosts;
  if (!select(request.hosts, asked, hosts)) return;
  const bool quick = request.verb == RelayVerb::kHistory;
  fan_out(std::move(hosts), body_of(request), quick ? kReading : kComparing, asked);
}

void FleetVerbs::health(const FleetHealthRequest& request, const Asked& asked) {
  std::vector<HostRecord> hosts;
  if (!select(request.hosts, asked, hosts)) return;
  FanOut::Order order{hosts,    HealthRequest{}, asked.actor, asked.reason,
                      kProbing, asked.watcher,   {},          {}};
  Fleet& fleet = deps_.fleet;
  order.on_item = [&fleet, watcher = asked.watcher](const HostRecord& host, const ReplyBody& body) {
    const auto* health = std::get_if<HealthItem>(&body);
    if (health == nullptr) return watcher->send(host.name, body);
    HostItem item = fleet.board.item(host, fleet.clock.boot());
    item.health = *health;
    fleet.board.reported(host.id, item.status, *health);
    watcher->send(host.name, std::move(item));
    if (health->verdict != Verdict::kHealthy) watcher->send(host.name, *health);  // says why
  };
  order.on_finish = [&fleet, hosts, watcher = asked.watcher](const FanOut::Outcome& outcome) {
    const BootTime now = fleet.clock.boot();
    for (const auto& host : hosts)
      if (std::find(outcome.silent.begin(), outcome.silent.end(), host.name) !=
          outcome.silent.end())
        watcher->send(host.name, fleet.board.item(host, now));
    const Verdict verdict = fleet.board.verdict(hosts, now);
    const bool good =
        outcome.silent.empty() && (verdict == Verdict::kHealthy || verdict == Verdict::kDegraded);
    watcher->send(
        "", Line{good ? EventLevel::kInfo : EventLevel::kError, fleet.board.summary(hosts, now)});
    watcher->send("", End{good ? ExitCode::kDone : ExitCode::kPartial, false, std::nullopt});
  };
  deps_.fan_out.start(std::move(order));
}

void FleetVerbs::status(const FleetStatusRequest& request, const Asked& asked) {
  std::vector<HostRecord> hosts;
  if (!select(request.hosts, asked, hosts)) return;
  const BootTime now = deps_.fleet.clock.boot();
  for (const auto& host : hosts) {
    const HostItem item = deps_.fleet.board.item(host, now);
    StatusItem status = item.status;
    status.id = host.id;
    status.host = host.name;
    if (!item.online)
      status.link = item.last_seen.ns == 0 ? "offline, not seen since the coordinator started"
                                           : "offline since " + format_utc(item.last_seen);
    asked.watcher->send(host.name, std::move(status));
  }
  asked.watcher->send("", Line{EventLevel::kInfo, deps_.fleet.board.summary(hosts, now)});
  finish(*asked.watcher, false);
}

void FleetVerbs::own_status(const Asked& asked) {
  const auto hosts = deps_.fleet.hosts.accepted();
  const BootTime now = deps_.fleet.clock.boot();
  const auto online = std::count_if(hosts.begin(), hosts.end(), [&](const HostRecord& host) {
    return deps_.fleet.board.is_online(host.id, now);
  });
  StatusItem status;
  status.host = "coordinator of " + deps_.fleet.name;
  status.version = kVersion;
  status.health = deps_.fleet.board.verdict(hosts, now);
  status.store = deps_.runner.health() ? "ok" : deps_.runner.health().error().message;
  if (const auto* active = deps_.runner.active()) status.run = active->id.str();
  status.link = fmt::format("{} of {} hosts online", online, hosts.size());
  asked.watcher->send("", std::move(status));
  finish(*asked.watcher, false);
}

void FleetVerbs::list_hosts(const Asked& asked) {
  const BootTime now = deps_.fleet.clock.boot();
  for (const auto& host : deps_.fleet.hosts.all())
    asked.watcher->send(host.name, deps_.fleet.board.item(host, now));
  finish(*asked.watcher, false);
}

void FleetVerbs::decide(const std::string& text, Admission admission, const Asked& asked) {
  Fleet& fleet = deps_.fleet;
  const auto host = fleet.hosts.find(text);
  if (!host) return refuse(*asked.watcher, host.error());
  const std::string name = fmt::format("{} ({})", host->name, fingerprint(host->public_key));
  if (host->admission == admission) {
    asked.watcher->send(
        "", Line{EventLevel::kInfo, fmt::format("{} is {} already", name, past_tense(admission))});
    return finish(*asked.watcher, false);
  }
  Hosts next = fleet.hosts;
  const auto decided = next.decide(*host, admission, asked.actor, fleet.clock.wall());
  if (!decided) return refuse(*asked.watcher, decided.error());
  if (const auto saved = fleet.ledger.save(*decided); !saved)
    return refuse(*asked.watcher, saved.error());
  fleet.hosts = std::move(next);
  deps_.admissions_changed(admission == Admission::kAccepted ? HostId() : host->id);
  const std::string line = fmt::format("{} is {}", name, past_tense(admission));
  fleet.log(line + ", by " + asked.actor);
  asked.watcher->send("", Line{EventLevel::kInfo, line});
  finish(*asked.watcher, true);
}

void FleetVerbs::list_runs(const RunListRequest& request, const Asked& asked) {
  auto runs = deps_.fleet.ledger.newest(request.limit);
  if (!runs) return refuse(*asked.watcher, runs.error());
  for (auto& run : *runs) asked.watcher->send("", std::move(run));
  finish(*asked.watcher, false);
}

void FleetVerbs::show_run(const RunShowRequest& request, const Asked& asked) {
  auto run = deps_.fleet.ledger.find(request.run);
  if (!run) return refuse(*asked.watcher, run.error());
  if (const auto* active = deps_.runner.active(); active != nullptr && active->id == run->id)
    *run = *active;  // with the phases that are not stored
  const auto hosts = std::exchange(run->hosts, {});
  asked.watcher->send("", *std::move(run));
  for (const auto& host : hosts) asked.watcher->send(host.name, host);
  finish(*asked.watcher, false);
}

void FleetVerbs::watch_run(const RunWatchRequest& request, const Asked& asked) {
  const auto run = deps_.fleet.ledger.find(request.run);
  if (!run) return refuse(*asked.watcher, run.error());
  deps_.runner.watch(run->id, asked.watcher);
}

void FleetVerbs::undo(const std::string& run, const std::string& actor, const Asked& asked) {
  const WatcherPtr watcher = std::make_shared<UndoWatcher>(asked.watcher);
  tell_run(run, ev::Undo{actor}, true, {asked.actor, asked.reason, watcher});
}

void FleetVerbs::tell_run(const std::string& run, const RolloutEvent& event, bool watching,
                          const Asked& asked) {
  const auto told = deps_.runner.tell(run, event);
  if (!told) return refuse(*asked.watcher, told.error());
  if (watching) return deps_.runner.watch(*told, asked.watcher);
  asked.watcher->send(
      "", Line{EventLevel::kInfo,
               fmt::format("run {} is told to end: no new wave begins, hosts that were begun "
                           "finish; 'rollbackctl fleet run watch {}' shows it",
                           told->str(), told->str())});
  finish(*asked.watcher, true);
}

}  // namespace rollback
