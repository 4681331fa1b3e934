// SPDX-License-Identifier: Apache-2.0
// What is answered: a stream of Replies with growing `index`, of which exactly the last is an End.
// No Reply is large; lists are sent item by item. json.h shows them to people's scripts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/ids.h"
#include "model/exit_code.h"
#include "model/health.h"
#include "model/host.h"
#include "model/plan.h"
#include "model/revision.h"
#include "model/rollout.h"
#include "model/run.h"
#include "model/snapshot.h"

namespace rollback {

// ---- Answers ----------------------------------------------------------------------------------
struct Line {
  EventLevel level = EventLevel::kInfo;
  std::string text;
};
struct RevisionItem {
  RevisionStatus status;
  bool current = false;
};
struct ResourceItem {
  ResourceSnapshot resource;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};
struct PathItem {
  std::string path;
  Node node;
};
struct DiffItem {
  std::string path;
  std::string change;                    // "added", "removed", "changed"
  std::vector<std::string> differences;  // of "changed"
  std::string text;                      // unified diff, bounded; "" for binaries and secrets
};
struct PlanItem {
  Plan plan;
  Digest digest;
  Duration estimate{};
};  // plan.steps is empty here
struct EventItem {
  RunId run;
  RunEvent event;
};
struct Prepared {
  RunId run;
  Digest plan_digest;
  bool changed = true;  // false: the host is on the target already
  Duration estimate{};
  std::uint32_t steps = 0;
};
struct HealthItem {
  Verdict verdict = Verdict::kUnknown;
  std::vector<ProbeResult> probes;
  WallTime time;
};
struct StatusItem {
  HostId id;
  std::string host;     // name
  std::string version;  // of the agent
  std::string release;  // revision the history says is deployed, "" if none
  SnapshotId snapshot;
  Verdict health = Verdict::kUnknown;
  std::string store;  // "ok" or "degraded: why"
  std::string run;    // running or prepared run, "" if none
  RunPhase run_phase = RunPhase::kDone;
  std::string link;  // "connected", "waiting to be accepted: FINGERPRINT", "none configured"
  Duration uptime{};
  WallTime verified;  // when the whole store was last read and hashed; 0: never
};
struct HostItem {
  HostId id;
  std::string name;
  std::string fingerprint;  // of its public key
  Admission admission = Admission::kPending;
  std::vector<std::pair<std::string, std::string>> labels;
  bool online = false;
  WallTime last_seen;  // 0: never
  StatusItem status;   // as last reported
  HealthItem health;
};
// How far a long piece of work is.
struct ProgressItem {
  std::string work;  // "capture", "verify", "export", "import", "prune"
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t total_files = 0;  // 0: not known
  std::uint64_t total_bytes = 0;
  Duration elapsed{};
};
// What retention decides about one revision.
struct PruneItem {
  std::string revision;
  bool removed = false;  // or would be, in a dry run
  std::string why;
  std::uint64_t bytes = 0;  // stored bytes that only it refers to
};
struct PruneSummary {
  bool dry_run = false;
  std::uint32_t removed = 0;  // revisions
  std::uint32_t kept = 0;
  std::uint64_t bytes = 0;        // stored bytes that are referred to no more
  std::uint64_t disk_before = 0;  // bytes the store takes on its file system
  std::uint64_t disk_after = 0;
};
// Something stored that is not what it was.
struct DamageItem {
  std::string object;                 // "content 3f2a..", "tree ..", "snapshot .."
  std::string what;                   // what is wrong with it
  std::vector<std::string> releases;  // every one that it damages
  std::vector<std::string> paths;     // of the first of them; bounded
  bool repaired = false;
};
struct VerifySummary {
  bool deep = false;
  std::uint64_t objects = 0;  // looked at, those of an interrupted one before included
  std::uint64_t bytes = 0;
  std::uint32_t damaged = 0;
  std::uint32_t repaired = 0;
  bool resumed = false;
};
struct ReleaseStats {
  std::string revision;
  std::uint64_t files = 0;
  std::uint64_t logical = 0;  // bytes of its files
  std::uint64_t stored = 0;   // bytes that are stored for it
  std::uint64_t unique = 0;   // of them, what no other revision refers to
};
struct StoreStats {
  std::uint32_t revisions = 0;
  std::uint64_t logical = 0;  // of all revisions
  std::uint64_t stored = 0;
  std::uint64_t disk = 0;  // bytes the store takes on its file system
  std::uint64_t contents = 0;
  std::uint64_t trees = 0;
};
struct ArchiveItem {
  std::string revision;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // of the archive
  Digest digest;            // SHA-256 of the archive
};
struct End {
  ExitCode exit_code = ExitCode::kDone;
  bool changed = false;
  std::optional<Error> error;
};

using AnyReplyBody =
    std::variant<Line, RevisionItem, HistoryEntry, ResourceItem, PathItem, DiffItem, PlanItem,
                 PlanStep, EventItem, RunRecord, Prepared, HealthItem, StatusItem, HostItem,
                 RolloutRecord, RolloutHost, End, ProgressItem, PruneItem, PruneSummary, DamageItem,
                 VerifySummary, ReleaseStats, StoreStats, ArchiveItem>;

// What it can be; its special members, each a table of all of these, are compiled once.
struct ReplyBody : AnyReplyBody {
  using AnyReplyBody::AnyReplyBody;
  ReplyBody();
  ReplyBody(const ReplyBody& other);
  ReplyBody(ReplyBody&& other) noexcept;
  ReplyBody& operator=(const ReplyBody& other);
  ReplyBody& operator=(ReplyBody&& other) noexcept;
  ~ReplyBody();
};

struct Reply {
  CommandId command;
  std::uint64_t index = 0;  // from 1
  std::string host;         // whose answer this is in a fleet's; "" for the daemon's own
  ReplyBody body;
};

}  // namespace rollback
