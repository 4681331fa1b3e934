// SPDX-License-Identifier: Apache-2.0
// What only reads the store: history, show, run list, show and watch, and status.
#include <algorithm>

#include "agent/service/verbs.h"

namespace rollback {

namespace {

// "v2.4.1", "v2.4.1@2", "run:ID": as written; the newest of a label whatever its status.
Result<Revision> find_revision(const std::vector<RevisionStatus>& known, const std::string& text) {
  ROLLBACK_ASSIGN(const auto name, RevisionName::parse(text));
  const RevisionStatus* found = nullptr;
  for (const auto& candidate : known) {
    const auto& have = candidate.revision.name;
    if (have == name || (name.number() == 0 && have.label() == name.label())) found = &candidate;
  }
  if (found == nullptr)
    return fail(ErrorCode::kNotFound, "no revision " + text +
                                          " on this host; 'rollbackctl "
                                          "history' lists what there is");
  return found->revision;
}

void count_below(const Manifest& manifest, const ManagedPath& managed, ResourceItem& item) {
  for (auto it = manifest.lower_bound(managed.path);
       it != manifest.end() && is_within(it->first, managed.path); ++it) {
    if (it->second.kind != NodeKind::kFile) continue;
    ++item.files;
    item.bytes += it->second.size;
  }
}

}  // namespace

Result<Revision> find_revision(const SnapshotStore& snapshots, const std::string& text) {
  ROLLBACK_ASSIGN(const auto known, snapshots.statuses());
  return find_revision(known, text);
}

Result<HostState> load_revision(const SnapshotStore& snapshots, const std::string& text) {
  ROLLBACK_ASSIGN(const auto revision, find_revision(snapshots, text));
  return snapshots.load_state(revision.snapshot);
}

Result<std::optional<Revision>> deployed_revision(const SnapshotStore& snapshots) {
  ROLLBACK_ASSIGN(const auto known, snapshots.statuses());
  for (const auto& candidate : known)
    if (candidate.status == ReleaseStatus::kDeployed) return candidate.revision;
  return std::nullopt;
}

const Result<std::optional<Revision>>& DeployedRevision::now(const SnapshotStore& snapshots) {
  const std::uint64_t version = snapshots.version();
  if (version == version_) return known_;
  known_ = deployed_revision(snapshots);
  version_ = known_ ? version : kNever;  // an error is looked at again
  return known_;
}

void history_verb(Host& host, const HistoryRequest& request, Stream& stream) {
  const auto known = host.deps.snapshots.statuses();
  if (!known) return stream.fail(exit_code_of(known.error()), known.error());
  const auto entries = host.deps.snapshots.history();
  if (!entries) return stream.fail(exit_code_of(entries.error()), entries.error());
  for (const auto& status : *known)
    stream.send(RevisionItem{status, status.status == ReleaseStatus::kDeployed});
  const std::size_t skip =
      request.limit == 0 || request.limit >= entries->size() ? 0 : entries->size() - request.limit;
  std::for_each(entries->begin() + static_cast<std::ptrdiff_t>(skip), entries->end(),
                [&](const HistoryEntry& entry) { stream.send(entry); });
  stream.end(ExitCode::kDone, false);
}

void show_verb(Host& host, const ShowRequest& request, Stream& stream) {
  const auto state = load_revision(host.deps.snapshots, request.revision);
  if (!state) return stream.fail(exit_code_of(state.error()), state.error());
  for (const auto& resource : state->snapshot.resources) {
    ResourceItem item{resource, 0, 0};
    for (const auto& managed : resource.paths) count_below(state->manifest, managed, item);
    stream.send(std::move(item));
  }
  if (request.tree)
    for (const auto& [path, node] : state->manifest) stream.send(PathItem{path, node});
  for (const auto& line : left_out_lines(*state)) stream.note(EventLevel::kWarning, line);
  stream.end(ExitCode::kDone, false);
}

void run_list_verb(Host& host, const RunListRequest& request, Stream& stream) {
  auto runs = host.deps.runs.newest(request.limit);
  if (!runs) return stream.fail(exit_code_of(runs.error()), runs.error());
  for (auto& run : *runs) stream.send(std::move(run));
  stream.end(ExitCode::kDone, false);
}

void run_show_verb(Host& host, const RunShowRequest& request, Stream& stream) {
  const auto run = host.deps.runs.find(request.run);
  if (!run) return stream.fail(exit_code_of(run.error()), run.error());
  const auto events = host.deps.runs.events(run->id, 1);
  if (!events) return stream.fail(exit_code_of(events.error()), events.error());
  for (const auto& event : *events) stream.send(EventItem{run->id, event});
  stream.send(*run);
  stream.end(ExitCode::kDone, false);
}

void run_watch_verb(Host& host, const RunWatchRequest& request, const StreamPtr& stream) {
  std::optional<RunId> id = host.hub.running();
  if (!request.run.empty()) {
    const auto run = host.deps.runs.find(request.run);
    if (run)
      id = run->id;
    else if (!id || !id->str().starts_with(request.run))
      return stream->fail(exit_code_of(run.error()), run.error());
  }
  if (!id)
    return stream->fail(ExitCode::kRefused,
                        Error{ErrorCode::kNotFound, "no run is running on this host"});
  host.hub.watch(*id, std::max<std::uint64_t>(request.from, 1), stream);
}

void run_abort_verb(Host& host, const RunAbortRequest& request, Stream& stream) {
  const auto running = host.hub.running();
  if (!running || !running->str().starts_with(request.run))
    return stream.fail(
        ExitCode::kRefused,
        Error{ErrorCode::kNotFound, "run " + request.run + " is not running on this host"});
  if (const auto status = host.hub.abort(*running); !status)
    return stream.fail(ExitCode::kRefused, status.error());
  stream.note(EventLevel::kInfo,
              "run " + running->str() + " is told to end; it takes back what it changed");
  stream.end(ExitCode::kDone, true);
}

HealthItem with_store(const Host& host, HealthItem probes) {
  constexpr std::size_t kLongest = 1024;
  auto damage = host.deps.snapshots.damage();
  if (damage.empty()) return probes;
  if (damage.size() > kLongest) damage.replace(kLongest - 3, std::string::npos, "...");
  probes.probes.push_back({"store", false, false, std::move(damage), {}});
  if (probes.verdict != Verdict::kUnhealthy) probes.verdict = Verdict::kDegraded;
  return probes;
}

HealthItem health_of(const Host& host) { return with_store(host, host.health.last()); }

StatusItem status_of(Host& host, const std::string& link) {
  StatusItem item;
  item.id = host.identity.id;
  item.host = host.identity.name;
  item.version = host.identity.version;
  item.health = health_of(host).verdict;
  item.verified = host.scrubs.verified();
  const auto damage = host.deps.snapshots.damage();
  item.store = damage.empty() ? "ok" : "degraded: " + damage;
  if (const auto& deployed = host.deployed.now(host.deps.snapshots); !deployed) {
    item.store = "degraded: " + deployed.error().message;
  } else if (*deployed) {
    item.release = (*deployed)->name.str();
    item.snapshot = (*deployed)->snapshot;
  }
  if (const auto running = host.hub.running()) {
    item.run = running->str();
    item.run_phase = host.hub.phase();
  } else if (const auto holder = host.engine.holder()) {
    item.run = holder->str();
    item.run_phase = RunPhase::kStaged;
  }
  item.link = link;
  item.uptime = host.deps.clock.boot() - host.identity.started;
  return item;
}

}  // namespace rollback
