// SPDX-License-Identifier: Apache-2.0
// snapshot: capture everything, record it as a release with one synced write.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/capture/facts.h"
#include "agent/capture/storing_sink.h"
#include "agent/plan/diff.h"
#include "agent/service/progress.h"
#include "agent/service/verbs.h"

namespace rollback {

namespace {

// Red required probes refuse the snapshot unless --unhealthy-ok; true: healthy.
Result<bool> check_health(Host& host, const SnapshotRequest& request) {
  const auto probes = host.deps.prober.round(host.deps.options.health);
  if (verdict_of(probes) != Verdict::kUnhealthy) return true;
  if (request.unhealthy_ok) return false;
  std::string red;
  for (const auto& probe : probes)
    if (!probe.green && probe.required)
      red += (red.empty() ? "" : "; ") + probe.name + ": " + probe.answer;
  return fail(ErrorCode::kConflict,
              "this host is not healthy (" + red +
                  "), so it is no release to go back to; repair it, or record it as failed with "
                  "--unhealthy-ok");
}

// What cannot be read cannot be compared later, so it refuses the snapshot unless --unhealthy-ok.
Result<std::vector<Fact>> facts_now(Host& host, const SnapshotRequest& request, Stream& stream) {
  std::vector<Fact> facts;
  for (const auto& spec : host.deps.options.facts) {
    auto read = read_facts({spec}, host.deps.programs);
    if (!read && !request.unhealthy_ok)
      return fail(ErrorCode::kConflict, read.error().message +
                                            "; repair that, or record the release without it with "
                                            "--unhealthy-ok");
    if (read)
      facts.push_back(std::move(read->front()));
    else
      stream.note(EventLevel::kWarning, read.error().message);
  }
  std::sort(facts.begin(), facts.end(),
            [](const Fact& a, const Fact& b) { return a.name < b.name; });
  return facts;
}

// What the newest revision of this label had otherwise, when there is one.
void say_drift(Host& host, const Revision& recorded, Stream& stream) {
  if (recorded.name.number() < 2) return;
  const auto revisions = host.deps.snapshots.revisions();
  if (!revisions) return stream.note(EventLevel::kWarning, revisions.error().message);
  for (const auto& earlier : *revisions) {
    if (earlier.name.label() != recorded.name.label()) continue;
    if (earlier.name.number() + 1 != recorded.name.number()) continue;
    const auto before = host.deps.snapshots.load_state(earlier.snapshot);
    if (!before) return stream.note(EventLevel::kWarning, before.error().message);
    const auto now = host.deps.snapshots.load_state(recorded.snapshot);
    if (!now) return stream.note(EventLevel::kWarning, now.error().message);
    stream.note(EventLevel::kWarning,
                fmt::format("{} was recorded before with other content; this is {}. What drifted:",
                            recorded.name.label(), recorded.name.str()));
    auto changes = compare_states(*before, *now);
    for (auto& fact : compare_facts(before->snapshot, now->snapshot))
      changes.push_back(std::move(fact));
    for (const auto& item : changes)
      stream.note(EventLevel::kWarning, item.change + " " + item.path);
    return;
  }
}

Result<HostState> capture_told(Host& host, ContentSink& sink, RememberingSink* memory,
                               std::vector<Fact> facts, Stream& stream) {
  ProgressTeller teller("capture", host.deps.clock, stream);
  teller.expect(host.last_capture.files, host.last_capture.bytes);
  CaptureProgress all;
  const auto tell = [&](const CaptureProgress& done) {
    all = done;
    teller.tell(done.files, done.bytes);
  };
  auto state = capture(host.deps.root, host.deps.resources, sink, host.deps.readers, tell,
                       {.memory = memory, .manifest = false, .facts = std::move(facts)});
  if (state) host.last_capture = all;
  return state;
}

Result<SnapshotStore::Recorded> record(Host& host, const SnapshotRequest& request,
                                       const Asked& asked, Stream& stream) {
  ROLLBACK_ASSIGN(const auto label, ReleaseLabel::parse(request.label));
  ROLLBACK_TRY(require_present(host.deps.options.resources, host.platform));
  ROLLBACK_ASSIGN(const bool healthy, check_health(host, request));
  ROLLBACK_ASSIGN(auto facts, facts_now(host, request, stream));
  ROLLBACK_ASSIGN(const auto deployed, deployed_revision(host.deps.snapshots));
  // The first release is all of the host and somebody waits for it; a later one is what changed.
  StoringSink sink(host.deps.blobs, host.deps.snapshots, host.deps.clock.wall(),
                   deployed ? StoringSink::kThoroughBytes : 0);
  ROLLBACK_ASSIGN(const auto state, capture_told(host, sink, &sink, std::move(facts), stream));
  HistoryEntry entry;
  entry.time = host.deps.clock.wall();
  entry.action = HistoryAction::kSnapshot;
  entry.actor = asked.actor;
  entry.reason = asked.reason;
  entry.from = deployed ? deployed->name.str() : "";
  ROLLBACK_ASSIGN(const auto recorded,
                  host.deps.snapshots.record(state, RevisionName::of_release(label, 0), healthy,
                                             entry.time, entry, request.git_ref));
  if (const auto kept = sink.remember(); !kept)
    stream.note(EventLevel::kWarning,
                "the next snapshot reads every file again: " + kept.error().message);
  for (const auto& line : left_out_lines(state)) stream.note(EventLevel::kWarning, line);
  if (!recorded.existed) say_drift(host, recorded.revision, stream);
  return recorded;
}

// Another release with this content; "" when there is none.
std::string find_equal(const SnapshotStore& snapshots, const Revision& revision) {
  std::string equal;
  for (const auto& other : snapshots.revisions().value_or(std::vector<Revision>{}))
    if (other.content_root == revision.content_root && !other.name.is_run() &&
        other.name != revision.name)
      equal = other.name.str();
  return equal;
}

Status tell_what_would_be(Host& host, const SnapshotRequest& request, Stream& stream) {
  ROLLBACK_ASSIGN(const auto label, ReleaseLabel::parse(request.label));
  ROLLBACK_TRY(require_present(host.deps.options.resources, host.platform));
  ROLLBACK_ASSIGN(const bool healthy, check_health(host, request));
  ROLLBACK_ASSIGN(auto facts, facts_now(host, request, stream));
  HashingSink sink;
  ROLLBACK_ASSIGN(const auto state, capture_told(host, sink, nullptr, std::move(facts), stream));
  ROLLBACK_ASSIGN(const auto would, host.deps.snapshots.would_record(
                                        state, RevisionName::of_release(label, 0), healthy,
                                        host.deps.clock.wall(), request.git_ref));
  for (const auto& line : left_out_lines(state)) stream.note(EventLevel::kWarning, line);
  const auto status = would.revision.healthy ? ReleaseStatus::kDeployed : ReleaseStatus::kFailed;
  stream.send(RevisionItem{{would.revision, status, false},
                           false,
                           true,
                           host.last_capture.files,
                           host.last_capture.bytes});
  const auto name = would.revision.name.str();
  const auto equal = find_equal(host.deps.snapshots, would.revision);
  if (would.existed)
    stream.note(EventLevel::kInfo,
                "dry run: " + name + " is recorded already with exactly this content");
  else if (!equal.empty())
    stream.note(
        EventLevel::kInfo,
        fmt::format("dry run: nothing was stored; {} would have the content of {}", name, equal));
  else
    stream.note(EventLevel::kInfo,
                fmt::format("dry run: nothing was stored; {} would be new", name));
  return {};
}

void tell_failure(const Error& error, Stream& stream) {
  const bool usage = error.code == ErrorCode::kInvalid || error.code == ErrorCode::kNotFound;
  stream.fail(usage ? ExitCode::kUsage : exit_code_of(error), error);
}

}  // namespace

void snapshot_verb(Host& host, const SnapshotRequest& request, const Asked& asked, Stream& stream) {
  if (const auto holder = host.engine.holder())
    return stream.fail(ExitCode::kLocked, Error{ErrorCode::kBusy, "run " + holder->str() +
                                                                      " holds this host; wait for "
                                                                      "it, or end it with "
                                                                      "'rollbackctl run abort'"});
  if (const auto label = ReleaseLabel::parse(request.label); !label)
    return stream.fail(ExitCode::kUsage, label.error());
  if (const auto ref = check_git_ref(request.git_ref); !ref)
    return stream.fail(ExitCode::kUsage, ref.error());
  if (request.dry_run) {
    const auto told = tell_what_would_be(host, request, stream);
    return told ? stream.end(ExitCode::kDone, false) : tell_failure(told.error(), stream);
  }
  const auto recorded = record(host, request, asked, stream);
  if (!recorded) return tell_failure(recorded.error(), stream);
  const auto status =
      recorded->revision.healthy ? ReleaseStatus::kDeployed : ReleaseStatus::kFailed;
  stream.send(RevisionItem{{recorded->revision, status, false}, true});
  if (recorded->existed)
    stream.note(EventLevel::kInfo,
                recorded->revision.name.str() + " is recorded already with exactly this content");
  if (!recorded->existed) prune_after_snapshot(host, stream);
  stream.end(ExitCode::kDone, !recorded->existed);
}

}  // namespace rollback
