// SPDX-License-Identifier: Apache-2.0
// The verbs of a host, one function each: takes its request, answers on its stream and always ends
// it. The door calls them on the thread that their table row names.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/service/host.h"
#include "agent/service/passed_stream.h"
#include "agent/store/scrub.h"
#include "protocol/commands.h"

namespace rollback {

// Who asked and why; goes into the history.
struct Asked {
  std::string actor;
  std::string reason;
  CommandId command;
  std::uint32_t pid = 0;  // of the process that asks, when it is on this host
};

// transfer thread
void export_verb(Host& host, const ExportRequest& request, const PassedPtr& passed, Stream& stream);
void import_verb(Host& host, const Asked& asked, const PassedPtr& passed, Stream& stream);

// run thread
void snapshot_verb(Host& host, const SnapshotRequest& request, const Asked& asked, Stream& stream);
void plan_verb(Host& host, const PlanRequest& request, Stream& stream);
void diff_verb(Host& host, const DiffRequest& request, Stream& stream);
void verify_verb(Host& host, const VerifyRequest& request, Stream& stream);
// Puts again what a check of the store found; then the report, and the end of the stream.
void repair_verb(Host& host, const ScrubResult& found, ScrubDepth depth, Stream& stream);
void rollback_verb(Host& host, const RollbackRequest& request, const Asked& asked,
                   const StreamPtr& stream);
void undo_verb(Host& host, const UndoRequest& request, const Asked& asked, const StreamPtr& stream);
void prepare_verb(Host& host, const PrepareRequest& request, const Asked& asked, Stream& stream);
void commit_verb(Host& host, const CommitRequest& request, const StreamPtr& stream);
void deploy_begin_verb(Host& host, const DeployBeginRequest& request, const Asked& asked,
                       const StreamPtr& stream);
void deploy_end_verb(Host& host, const DeployEndRequest& request, const StreamPtr& stream);
// What holds this host, and letting go of it where nothing live was touched.
void lock_verb(Host& host, Stream& stream);
void unlock_verb(Host& host, const Asked& asked, Stream& stream);
// Forgets a prepared run.
void forget_prepared_verb(Host& host, const Asked& asked, Stream& stream);
// Tries again to finish a run that was interrupted.
void run_resume_verb(Host& host, const RunResumeRequest& request, const StreamPtr& stream);
// Once a second while a deploy is open: ends one whose end nobody will tell.
void look_after_deploy(Host& host);
void forget_verb(Host& host, const ForgetRequest& request, Stream& stream);
void prune_verb(Host& host, const PruneRequest& request, const Asked& asked,
                const StreamPtr& stream);
// How long each revision stays by the configured rules, in words. Query thread, too.
Result<std::map<std::string, std::string>> stays_of_revisions(const Host& host);
// By the configured rules. Never fails the snapshot; says what it removed.
void prune_after_snapshot(Host& host, Stream& stream);
void config_check_verb(Host& host, Stream& stream);

// thread of the ScrubDesk: the whole store. What is to be repaired goes on to the run thread.
void scrub_verb(Host& host, const VerifyRequest& request, const StreamPtr& stream);

// query thread
// diff: run thread when one side is live
void stats_verb(Host& host, const StreamPtr& stream);
void history_verb(Host& host, const HistoryRequest& request, Stream& stream);
void show_verb(Host& host, const ShowRequest& request, Stream& stream);
void run_list_verb(Host& host, const RunListRequest& request, Stream& stream);
void run_show_verb(Host& host, const RunShowRequest& request, Stream& stream);
void run_watch_verb(Host& host, const RunWatchRequest& request, const StreamPtr& stream);
void mark_verb(Host& host, const MarkRequest& request, const Asked& asked, Stream& stream);

// Named by people: "v2.4.1" is the newest of that label whatever its status. kNotFound otherwise.
Result<RevisionStatus> load_status(const SnapshotStore& snapshots, const std::string& text);
// kNotFound names all that are absent and the releases there are; "live" is let through.
Status require_revisions(const SnapshotStore& snapshots, const std::vector<std::string>& names);
Result<HostState> load_revision(const SnapshotStore& snapshots, const std::string& text);
Result<Revision> find_revision(const SnapshotStore& snapshots, const std::string& text);
Result<std::optional<Revision>> deployed_revision(const SnapshotStore& snapshots);

// loop thread: answers at once
void run_abort_verb(Host& host, const RunAbortRequest& request, Stream& stream);
void run_confirm_verb(Host& host, const RunConfirmRequest& request, Stream& stream);
StatusItem status_of(Host& host, const std::string& link);
// What the probes said last, and of a damaged store that this host is degraded.
HealthItem health_of(const Host& host);
HealthItem with_store(const Host& host, HealthItem probes);

}  // namespace rollback
