// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/samples.h"

namespace rollback::samples {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr WallTime kNoon{1'750'000'000'123'456'789};

HostSelection hosts() { return {{"role=web", "db*"}, {"web9"}}; }

RolloutPolicy policy() {
  RolloutPolicy policy;
  policy.batches = {{2, false}, {25, true}};
  policy.batch_wait = seconds(5);
  policy.max_fail = {10, true};
  policy.on_failure = OnFailure::kUndo;
  policy.unready = ShortfallPolicy::kSkip;
  policy.missing = ShortfallPolicy::kSkip;
  policy.offline = ShortfallPolicy::kSkip;
  policy.timeout = seconds(123);
  policy.confirm = seconds(45);
  return policy;
}

Node node(NodeKind kind) {
  Node node = file();
  node.kind = kind;
  node.size = 0;
  node.content = kind == NodeKind::kDirectory ? sha256("tree") : Digest();
  node.root = kind == NodeKind::kDirectory ? sha256("root") : Digest();
  node.target = kind == NodeKind::kSymlink ? "../sites-available/shop" : "";
  return node;
}

}  // namespace

Node file() {
  Node node;
  node.meta = {
      06755, 33, 34, -5, {{"security.capability", std::string("\0\1", 2)}, {"user.x", ""}}};
  node.user = "www-data";
  node.group = "adm";
  node.size = 1'234'567'890'123;
  node.content = sha256("content");
  return node;
}

Tree tree() {
  return {{{"a", file()},
           {"d\xff\x01", node(NodeKind::kDirectory)},
           {"link", node(NodeKind::kSymlink)}},
          {"fifo", "sock"}};
}

Snapshot snapshot() {
  return {{{ResourceKind::kNginx,
            "nginx",
            {{"/etc/nginx", node(NodeKind::kDirectory)}, {"/srv/gone", std::nullopt}},
            {},
            {{"nginx", "1.22.1"}}},
           {ResourceKind::kSystemd,
            "shop.service",
            {{"/etc/systemd/system/shop.service", file()}},
            {{"shop.service",
              true,
              "enabled",
              "/etc/systemd/system/shop.service",
              {"/etc/shop/env", "/opt/shop/bin/shop"}}},
            {}}},
          {{"/etc/nginx/a", "/etc/nginx/b"}}};
}

Revision revision() {
  return {*RevisionName::parse("v2.4.1@2"),
          SnapshotId{sha256("snapshot")},
          sha256("root"),
          kNoon,
          false,
          ""};
}
Revision revision_of_git() {
  Revision made = revision();
  made.git_ref = "3f2a90c1";
  return made;
}

HistoryEntry history_entry() {
  return {7,        kNoon,    HistoryAction::kRollback, "root (uid 0)",       "it answers 502",
          "v2.5.0", "v2.4.1", "0102030405aa",           RunOutcome::kRestored};
}

HistoryEntry pin_entry() {
  return {
      8,        kNoon, HistoryAction::kPin,   "root (uid 0)", "the last with the old schema", "",
      "v2.4.1", "",    RunOutcome::kSucceeded};
}

HistoryEntry prune_entry() {
  return {
      9,        kNoon, HistoryAction::kPrune, "retention", "10 newer good releases are kept", "",
      "v1.9.0", "",    RunOutcome::kSucceeded};
}

RunEvent run_event() {
  return {9, kNoon, RunPhase::kGating, EventLevel::kWarning, "probe http answered 502"};
}

RunRecord run() {
  return {id<RunId>("run"),
          RunKind::kUndo,
          "coordinator: ops",
          "because",
          "v2.5.0",
          "run:0102030405aa",
          sha256("plan"),
          kNoon,
          kNoon + seconds(3),
          RunPhase::kUndoing,
          RunOutcome::kInconsistent,
          true,
          5,
          {"shop.service exited with 1"},
          {{RunPhase::kPreflight, milliseconds(120)}, {RunPhase::kGating, seconds(3)}}};
}

Plan plan() {
  return {"v2.5.0",
          "v2.4.1",
          sha256("from"),
          sha256("to"),
          {{StepPhase::kQuiesce, StepAction::kStopUnit, "shop.service", "systemd/shop.service",
            "its binary changes", "start it again"},
           {StepPhase::kCommit, StepAction::kReplace, "/etc/nginx/nginx.conf", "nginx/nginx",
            "content differs", "exchange back"}},
          {"uid of www-data differs"}};
}

RolloutHost rollout_host() {
  return {id<HostId>("host"),
          "web1",
          HostPhase::kRestored,
          RunPhase::kGating,
          3,
          true,
          2,
          sha256("plan"),
          {"HTTP 502, expected 200"},
          {{RunPhase::kStaged, milliseconds(7)}}};
}

RolloutRecord rollout() {
  RolloutRecord rollout;
  rollout.id = id<RunId>("rollout");
  rollout.to = "v2.4.1";
  rollout.actor = "root (uid 0)";
  rollout.reason = "502";
  rollout.policy = policy();
  rollout.state = RolloutState::kPaused;
  rollout.wave = 2;
  rollout.next_wave = kNoon + seconds(5);
  rollout.aborted = true;
  rollout.dry_run = true;
  rollout.started = kNoon;
  rollout.finished = kNoon + seconds(60);
  rollout.exit_code = 6;
  return rollout;
}
RolloutRecord rollout_resumed() {
  RolloutRecord made = rollout();
  made.resumed = kNoon + seconds(30);
  return made;
}

StatusItem status() {
  return {id<HostId>("host"),
          "web1",
          "0.1.0",
          "v2.4.1",
          {sha256("snapshot")},
          Verdict::kDegraded,
          "degraded: full",
          "0102030405aa",
          RunPhase::kStaged,
          "connected",
          seconds(4711),
          kNoon,
          "the disk is full"};
}

HealthItem health() {
  return {Verdict::kUnhealthy, {{"http", true, false, "HTTP 502", milliseconds(12)}}, kNoon};
}

Hello hello() {
  return {2, id<HostId>("host"), "web1", "0.1.0", {{"dc", "fra1"}, {"role", "web"}}, "boot"};
}

std::vector<CommandBody> command_bodies() {
  return {SnapshotRequest{"v2.4.1", true, "main", true},
          HistoryRequest{5},
          ShowRequest{"v2.4.1", true},
          DiffRequest{"v2.4.1", "live", true},
          PlanRequest{"v2.4.1", true, DriftPolicy::kKeep},
          RollbackRequest{"v2.4.1",
                          true,
                          seconds(7),
                          true,
                          sha256("plan"),
                          DriftPolicy::kAbort,
                          {"schema", "queue"},
                          seconds(11)},
          UndoRequest{"0102", true, seconds(8), DriftPolicy::kKeep, {"schema"}},
          VerifyRequest{"v2.4.1", true, true, true, true, 50'000'000},
          HealthRequest{},
          StatusRequest{},
          RunListRequest{3},
          RunShowRequest{"0102"},
          RunWatchRequest{"0102", 17},
          RunAbortRequest{"0102"},
          ConfigCheckRequest{},
          PrepareRequest{id<RunId>("run"), "v2.4.1", seconds(9), seconds(10), seconds(11)},
          CommitRequest{id<RunId>("run"), sha256("plan")},
          ForgetRequest{id<RunId>("run")},
          FleetRollbackRequest{"v2.4.1", hosts(), policy(), true},
          FleetSnapshotRequest{"v2.4.1", hosts(), true, "main"},
          FleetStatusRequest{hosts()},
          FleetHealthRequest{hosts()},
          FleetRelayRequest{RelayVerb::kDiff, "v2.4.1", "live", hosts()},
          HostListRequest{},
          HostAcceptRequest{"web1"},
          HostRejectRequest{"web2"},
          HostRemoveRequest{"web3"},
          RunResumeRequest{"0102"},
          RunUndoRequest{"0103"},
          MarkRequest{"v2.4.1", MarkChange::kUnblock},
          PruneRequest{true, 7, seconds(86400), 1'000'000},
          StatsRequest{},
          ExportRequest{"v2.4.1"},
          ImportRequest{},
          DeployBeginRequest{"v2.5.0", "8f3c1d2", 4711, std::chrono::minutes(30), true, true},
          DeployEndRequest{"0123456789ab", true, 137},
          RunConfirmRequest{"0102"},
          LockRequest{true}};
}

std::vector<ReplyBody> reply_bodies() {
  auto with_hosts = rollout_resumed();
  with_hosts.hosts = {rollout_host()};
  return {Line{EventLevel::kError, "text"},
          RevisionItem{{revision_of_git(), ReleaseStatus::kRolledBack, true, true,
                        "root (uid 0): v2.5.0 answers 502"},
                       true,
                       true,
                       3,
                       4096,
                       {{"schema", "41"}}},
          history_entry(),
          ResourceItem{snapshot().resources[1], 3, 4096},
          PathItem{"/etc/\xff", file(), false, 2},
          DiffItem{"/etc/a",
                   "changed",
                   {"content"},
                   "-a\n+b\n",
                   DiffContent::kText,
                   1,
                   1,
                   2,
                   2,
                   sha256("a\n"),
                   sha256("b\n")},
          PlanItem{plan(), sha256("plan"), seconds(2), seconds(1), DriftPolicy::kKeep},
          plan().steps[0],
          EventItem{id<RunId>("run"), run_event()},
          run(),
          Prepared{id<RunId>("run"), sha256("plan"), false, seconds(2), 12},
          health(),
          status(),
          HostItem{id<HostId>("host"),
                   "web1",
                   "3f2a:90c1",
                   Admission::kRemoved,
                   {{"role", "web"}},
                   true,
                   kNoon,
                   status(),
                   health()},
          with_hosts,
          rollout_host(),
          End{ExitCode::kDetached, true, Error{ErrorCode::kBusy, "locked by run 0102"}},
          ProgressItem{"capture", 12, 4096, 100, 1'000'000, seconds(3)},
          PruneItem{"v2.3.0", true, "beyond the newest 10", 4096},
          PruneSummary{true, 3, 10, 4096, 1'000'000, 900'000},
          DamageItem{"content 3f2a", "it has another hash", {"v2.3.0"}, {"/etc/\xff"}, true},
          VerifySummary{true, 17, 4096, 2, 1, true},
          ReleaseStats{"v2.4.1", 3, 4096, 2048, 1024, "pinned"},
          StoreStats{2, 8192, 6000, 4096, 5000, 3, 2},
          ArchiveItem{"v2.4.1", 9, 4096, sha256("archive")}};
}

Command command(CommandBody body) {
  Command command;
  command.fleet = "shop";
  command.id = id<CommandId>("command");
  command.host = id<HostId>("host");
  command.run = id<RunId>("run");
  command.epoch = 3;
  command.seq = 4;
  command.not_before = kNoon;
  command.not_after = kNoon + seconds(60);
  command.actor = "root (uid 0)";
  command.reason = "because";
  command.body = std::move(body);
  return command;
}

Reply reply(ReplyBody body) { return {id<CommandId>("command"), 8, "web1", std::move(body)}; }

}  // namespace rollback::samples
