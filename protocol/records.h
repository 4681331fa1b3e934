// SPDX-License-Identifier: Apache-2.0
// Canonical bytes of what is stored: Cap'n Proto in canonical form behind a small header with a
// format version (newer is kUnsupported). A newer schema with default values gives the same bytes.
// docs/formats/ describes them; golden tests fix them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "model/deploy.h"
#include "model/host.h"
#include "model/plan.h"
#include "model/revision.h"
#include "model/rollout.h"
#include "model/run.h"
#include "model/snapshot.h"

namespace rollback {

// kInvalid when the tree breaks its invariant (order, names). kCorrupt for bytes that do not
// decode.
Result<std::string> encode_tree(const Tree& tree);
Result<Tree> decode_tree(std::string_view bytes);
// Content root of a directory: SHA-256 over its entries without mtime, owner numbers and tree ids.
Digest content_root(const Tree& tree);

Result<std::string> encode_snapshot(const Snapshot& snapshot);
Result<Snapshot> decode_snapshot(std::string_view bytes);
SnapshotId snapshot_id(std::string_view canonical_bytes);
// Paths, contents, unit activity and enablement, hard links; not facts, mtimes, owner numbers.
Digest content_root(const Snapshot& snapshot);

Result<std::string> encode_revision(const Revision& revision);
Result<Revision> decode_revision(std::string_view bytes);
Result<std::string> encode_history_entry(const HistoryEntry& entry);
Result<HistoryEntry> decode_history_entry(std::string_view bytes);
Result<std::string> encode_run(const RunRecord& run);
Result<RunRecord> decode_run(std::string_view bytes);
Result<std::string> encode_deploy(const Deploy& deploy);
Result<Deploy> decode_deploy(std::string_view bytes);
Result<std::string> encode_run_event(const RunEvent& event);
Result<RunEvent> decode_run_event(std::string_view bytes);

// Two plans with the same digest do the same.
Digest plan_digest(const Plan& plan);

// A rollout without its hosts, and each of these on its own (<= 200 bytes without findings); a host
// of the fleet.
Result<std::string> encode_rollout(const RolloutRecord& rollout);
Result<RolloutRecord> decode_rollout(std::string_view bytes);
Result<std::string> encode_rollout_host(const RolloutHost& host);
Result<RolloutHost> decode_rollout_host(std::string_view bytes);
Result<std::string> encode_host(const HostRecord& host);
Result<HostRecord> decode_host(std::string_view bytes);

}  // namespace rollback
