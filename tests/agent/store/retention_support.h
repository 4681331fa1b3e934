// SPDX-License-Identifier: Apache-2.0
// A store with its retention, and what must be true of it.
#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "agent/store/retention.h"
#include "tests/agent/store/sample_state.h"

namespace rollback {

struct PrunedStore {
  explicit PrunedStore(const std::string& path, std::uint64_t most_marks = 2'000'000)
      : database(Database::open(path).value()),
        retention(*database, snapshots, blobs, most_marks) {}

  // Each a nanosecond later than the one before.
  Status record(const Sample& sample, const std::string& label) {
    const auto hold = snapshots.hold();
    ROLLBACK_TRY(put_contents(sample, snapshots, blobs));
    HistoryEntry entry;
    entry.time = {static_cast<std::int64_t>(snapshots.history().value().size()) + 1};
    ROLLBACK_TRY(snapshots.record(sample.state, sample_release(label), true, entry.time, entry));
    return {};
  }
  Result<RetentionPlan> plan(std::uint32_t keep) {
    return retention.plan({keep, {}, 0}, {}, WallTime{1000}, Measure::kAlways);
  }
  Result<Swept> sweep() { return retention.sweep(GiveBack::kAll, stop); }
  Result<Swept> prune(std::uint32_t keep) {
    ROLLBACK_ASSIGN(const auto planned, plan(keep));
    ROLLBACK_TRY(retention.remove(planned, "root", "", WallTime{1000}));
    return sweep();
  }
  std::set<std::string> names() {
    std::set<std::string> found;
    const auto all = snapshots.revisions().value();
    for (const auto& revision : all) found.insert(revision.name.str());
    return found;
  }
  // "" when every revision can be restored, else what is wrong.
  std::string fault() {
    const auto all = snapshots.revisions();
    if (!all) return all.error().message;
    for (const auto& revision : *all) {
      const auto state = snapshots.load_state(revision.snapshot);
      if (!state) return revision.name.str() + ": " + state.error().message;
      for (const auto& [path, node] : state->manifest) {
        if (node.kind != NodeKind::kFile) continue;
        if (const auto content = blobs.get(node.content); !content)
          return revision.name.str() + " " + path + ": " + content.error().message;
      }
    }
    return "";
  }
  std::size_t count(Table table) {
    std::size_t keys = 0;
    (void)database->scan_sizes(table, {}, [&](std::string_view, std::uint64_t) {
      ++keys;
      return true;
    });
    return keys;
  }

  std::unique_ptr<Database> database;
  BlobStore blobs{*database};
  SnapshotStore snapshots{*database, blobs};
  Retention retention;
  std::atomic<bool> stop = false;
};

}  // namespace rollback
