// SPDX-License-Identifier: Apache-2.0
// What only reads the store: history, show, run list, show and watch, and status.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "agent/apply/ballast.h"
#include "agent/service/secrets.h"
#include "agent/service/side.h"
#include "agent/service/verbs.h"

namespace rollback {

namespace {

// "v2.4.1", "v2.4.1@2", "run:ID": as written; the newest of a label whatever its status.
Result<const RevisionStatus*> find_among(const std::vector<RevisionStatus>& known,
                                         const std::string& text) {
  ROLLBACK_ASSIGN(const auto name, RevisionName::parse(text));
  const RevisionStatus* found = nullptr;
  for (const auto& candidate : known) {
    const auto& have = candidate.revision.name;
    if (have == name || (name.number() == 0 && have.label() == name.label())) found = &candidate;
  }
  return found;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Other names of the file at each path that has some.
std::unordered_map<std::string, std::uint32_t> hard_links_of(const Snapshot& snapshot) {
  std::unordered_map<std::string, std::uint32_t> links;
  for (const auto& group : snapshot.hard_links)
    for (const auto& path : group) links[path] = static_cast<std::uint32_t>(group.size() - 1);
  return links;
}

// What is listed and not stored goes to `left_out`.
Result<ResourceItem> counted(const SnapshotStore& snapshots, const ResourceSnapshot& resource,
                             std::map<std::string, LeftOut>& left_out) {
  ResourceItem item{resource, 0, 0};
  const auto count = [&](const std::string& path, const Node* node) -> Status {
    if (node == nullptr) left_out.emplace(path, LeftOut::kListed);
    if (node == nullptr || node->kind != NodeKind::kFile) return {};
    ++item.files;
    item.bytes += node->size;
    return {};
  };
  ROLLBACK_TRY(snapshots.walk(resource.paths, count));
  return item;
}

// False when who asked went away or does not read.
Result<bool> send_tree(const SnapshotStore& snapshots, const Snapshot& snapshot,
                       const Secrets& secrets, Stream& stream) {
  const auto links = hard_links_of(snapshot);
  bool read = true;
  const auto send = [&](const std::string& path, const Node* node) -> Status {
    PathItem item;
    item.path = path;
    item.special = node == nullptr;
    if (node != nullptr) {
      item.node = *node;
      secrets.conceal(path, item.node);
    }
    if (const auto found = links.find(path); found != links.end()) item.hard_links = found->second;
    read = stream.send_patiently(std::move(item));
    if (read) return {};
    return fail(ErrorCode::kTimeout, "nobody reads");
  };
  for (const auto& resource : snapshot.resources)
    if (const auto sent = snapshots.walk(resource.paths, send); !sent && read)
      return Failure(sent.error());
    else if (!read)
      return false;
  return true;
}

}  // namespace

Result<RevisionStatus> load_status(const SnapshotStore& snapshots, const std::string& text) {
  ROLLBACK_ASSIGN(const auto known, snapshots.statuses());
  ROLLBACK_ASSIGN(const auto* const found, find_among(known, text));
  if (found != nullptr) return *found;
  return revision_not_found("there is no revision " + text + " on this host", known);
}

Status require_revisions(const SnapshotStore& snapshots, const std::vector<std::string>& names) {
  ROLLBACK_ASSIGN(const auto known, snapshots.statuses());
  std::vector<std::string> absent;
  for (const auto& name : names) {
    if (name == kLive) continue;
    ROLLBACK_ASSIGN(const auto* const found, find_among(known, name));
    if (found == nullptr && !contains(absent, name)) absent.push_back(name);
  }
  if (absent.empty()) return {};
  const std::string what = absent[0] + (absent.size() == 1 ? "" : " and no " + absent[1]);
  return revision_not_found("there is no revision " + what + " on this host", known);
}

Result<Revision> find_revision(const SnapshotStore& snapshots, const std::string& text) {
  ROLLBACK_ASSIGN(const auto found, load_status(snapshots, text));
  return found.revision;
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
  const SnapshotStore& snapshots = host.deps.snapshots;
  const auto refuse = [&](const Error& error) { stream.fail(exit_code_of(error), error); };
  const auto found = load_status(snapshots, request.revision);
  if (!found) return refuse(found.error());
  const auto snapshot = snapshots.load_snapshot(found->revision.snapshot);
  if (!snapshot) return refuse(snapshot.error());
  RevisionItem head{*found, found->status == ReleaseStatus::kDeployed, true, 0, 0};
  HostState listed;  // of it only the record and what is left out
  listed.snapshot = *snapshot;
  const Secrets secrets(host.deps.options.resources, listed, listed);
  std::vector<ResourceItem> resources;
  for (const auto& resource : snapshot->resources) {
    auto item = counted(snapshots, resource, listed.left_out);
    if (!item) return refuse(item.error());
    head.files += item->files;
    head.bytes += item->bytes;
    for (auto& managed : item->resource.paths)
      if (managed.node) secrets.conceal(managed.path, *managed.node);
    resources.push_back(*std::move(item));
  }
  head.facts = snapshot->facts;
  stream.send(std::move(head));
  for (auto& item : resources) stream.send(std::move(item));
  if (request.tree) {
    const auto sent = send_tree(snapshots, *snapshot, secrets, stream);
    if (!sent) return refuse(sent.error());
    if (!*sent) return;
  }
  for (const auto& line : left_out_lines(listed)) stream.note(EventLevel::kWarning, line);
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
    item.run_phase = host.deploys.open() ? RunPhase::kDeploying : RunPhase::kStaged;
  }
  // What a run has taken it gives back.
  if (item.run.empty() && !has_ballast(host.deps.state)) item.reserve = "none; see config check";
  item.link = link;
  item.uptime = host.deps.clock.boot() - host.identity.started;
  return item;
}

}  // namespace rollback
