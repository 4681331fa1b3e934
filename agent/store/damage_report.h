// SPDX-License-Identifier: Apache-2.0
// Which releases a damaged or missing object hurts: found by walking each revision, which is only
// done when something is wrong. Memory grows with the damage and with the directories of one
// revision. Any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/store/snapshot_store.h"

namespace rollback {

struct Damage {
  Table table = Table::kBlobs;
  std::string key;
  std::string object;  // "content 3f2a..", "directory ..", "snapshot ..", "history entry 7"
  std::string what;
  std::vector<std::string> releases;  // every one that needs it, oldest first
  std::vector<std::string> paths;     // of the first of them, at most kMaxDamagedPaths
};

inline constexpr std::size_t kMaxDamagedPaths = 8;

// `noted` is reported whoever needs it. `missing` only when a release needs it: a snapshot that
// never came to its end leaves directories behind whose contents are not stored. What the walk
// itself finds broken is added. `go_on` is asked after each directory: false stops with kBusy.
Result<std::vector<Damage>> report_damage(const Database& database, const SnapshotStore& snapshots,
                                          const BlobStore& blobs,
                                          const std::vector<Database::Damaged>& noted,
                                          const std::vector<Database::Damaged>& missing,
                                          const std::function<bool()>& go_on);

// "content 3f2a..", for people.
std::string object_name(Table table, std::string_view key);

}  // namespace rollback
