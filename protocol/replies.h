// SPDX-License-Identifier: Apache-2.0
// What is answered: a stream of Replies with growing `index`, of which exactly the last is an End.
// No Reply is large; lists are sent item by item. json.h shows them to people's scripts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
#include "protocol/store_replies.h"

namespace rollback {

// ---- Answers ----------------------------------------------------------------------------------
struct Line {
  EventLevel level = EventLevel::kInfo;
  std::string text;
};
struct RevisionItem {
  RevisionStatus status;
  bool current = false;
  bool counted = false;  // what follows is known
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<Fact> facts{};  // of the host
};
struct ResourceItem {
  ResourceSnapshot resource;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};
struct PathItem {
  std::string path;
  Node node;
  bool special = false;          // a socket, FIFO or device: no node of it is stored
  std::uint32_t hard_links = 0;  // other names of the same file
};
// What can be said of the content of a path that differs.
enum class DiffContent {
  kNone = 1,  // it has none, or it is the same
  kText = 2,
  kBinary = 3,
  kSecret = 4,      // hashes only
  kLarge = 5,       // text, beyond what is compared line by line
  kUnreadable = 6,  // `text` says why
};
std::string_view to_string(DiffContent content) noexcept;
struct DiffItem {
  std::string path;                      // or "unit NAME", "fact KIND/RESOURCE NAME"
  std::string change;                    // "added", "removed", "changed"
  std::vector<std::string> differences;  // of "changed"
  std::string text;                      // unified diff, bounded; "" when it was not asked for
  DiffContent content = DiffContent::kNone;
  std::uint64_t added_lines = 0;  // of kText
  std::uint64_t removed_lines = 0;
  std::uint64_t size_before = 0;  // bytes of the files that differ
  std::uint64_t size_after = 0;
  Digest before;  // SHA-256 of the contents that differ; none where there is no file
  Digest after;
};
struct PlanItem {
  Plan plan;
  Digest digest;
  Duration estimate{};
  Duration downtime{};  // from the first stop of a unit to the last start; part of the estimate
  DriftPolicy drift = DriftPolicy::kOverwrite;
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
  WallTime verified;      // when the whole store was last read and hashed; 0: never
  std::string reserve{};  // why nothing is held back for a full disk; "" when something is
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
