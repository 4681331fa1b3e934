// SPDX-License-Identifier: Apache-2.0
#include "agent/store/retention.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/store/marks.h"

namespace rollback {
namespace {

constexpr std::size_t kStep = 256;  // objects removed while captures wait
constexpr Duration kLook = std::chrono::milliseconds(100);
constexpr double kMuchWaste = 0.25;
constexpr double kLittleWaste = 0.02;
constexpr std::uint64_t kSmallStore = 8ULL << 20U;  // not worth rewriting by itself

// From the part's first key to its last.
Status scan_part(const Database& database, Table table, const HashPart& part,
                 const std::function<bool(std::string_view, std::uint64_t)>& visit) {
  return database.scan_sizes(table, part.first(), [&](std::string_view key, std::uint64_t bytes) {
    return part.contains(key) && visit(key, bytes);
  });
}

}  // namespace

std::uint32_t RetentionPlan::removed() const {
  return static_cast<std::uint32_t>(
      std::count_if(decisions.begin(), decisions.end(), [](const auto& it) { return it.removed; }));
}

Result<std::uint32_t> Retention::parts(const std::atomic<bool>& stop) const {
  std::uint64_t count = 0;
  ROLLBACK_TRY(database_.scan_sizes(Table::kBlobs, {}, [&](std::string_view, std::uint64_t) {
    ++count;
    return !stop;
  }));
  return static_cast<std::uint32_t>(1 + count / most_marks_);
}

// In the order of keeping, so that each has the bytes that none before it needs.
Status Retention::measure(RetentionPlan& plan, std::vector<Status>& readable) const {
  auto& decisions = plan.decisions;
  readable.assign(decisions.size(), Status());
  const std::atomic<bool> never = false;
  ROLLBACK_ASSIGN(const std::uint32_t count, parts(never));
  for (std::uint32_t index = 0; index < count; ++index) {
    const HashPart part{index, count};
    Marker marker(snapshots_, blobs_, part);
    for (std::uint32_t i = 0; i < decisions.size(); ++i)
      if (auto status = marker.mark(decisions[i].revision.snapshot, i); !status)
        readable[i] = std::move(status);
    for (const auto table : {Table::kSnapshots, Table::kTrees, Table::kBlobs}) {
      if (index > 0 && table != Table::kBlobs) continue;
      const HashPart whole = table == Table::kBlobs ? part : HashPart{};
      ROLLBACK_TRY(
          scan_part(database_, table, whole, [&](std::string_view key, std::uint64_t bytes) {
            const auto owner = marker.of(table).owner(key);
            (owner ? decisions[*owner].bytes : plan.bytes) += bytes;
            return true;
          }));
    }
  }
  return {};
}

Result<RetentionPlan> Retention::plan(const RetentionRules& rules,
                                      const std::set<std::string>& held, WallTime now,
                                      Measure measured) const {
  RetentionPlan plan;
  plan.version = snapshots_.version();
  ROLLBACK_ASSIGN(const auto known, snapshots_.statuses());
  ROLLBACK_ASSIGN(const auto history, snapshots_.history());
  ROLLBACK_ASSIGN(plan.disk, database_.disk_size());
  plan.decisions = decide_retention(known, history, held, rules, now);
  const bool too_large = rules.max_size != 0 && plan.disk > rules.max_size;
  if (measured == Measure::kWhenNeeded && !too_large) return plan;
  std::vector<Status> readable;
  ROLLBACK_TRY(measure(plan, readable));
  if (too_large) plan.fits = make_room(plan.decisions, rules.max_size);
  plan.wasteful = too_large && plan.fits;
  for (std::size_t i = 0; i < plan.decisions.size(); ++i) {
    auto& it = plan.decisions[i];
    if (!it.removed && !readable[i])
      return Failure(readable[i].error().within(
          it.revision.name.str() + " stays but is damaged, so nothing may be removed"));
    if (it.removed)
      plan.bytes += it.bytes;
    else
      it.bytes = 0;
  }
  return plan;
}

Status Retention::remove(const RetentionPlan& plan, const std::string& actor,
                         const std::string& reason, WallTime now) {
  std::vector<HistoryEntry> entries;
  for (const auto& it : plan.decisions) {
    if (!it.removed) continue;
    HistoryEntry entry;
    entry.time = now;
    entry.action = HistoryAction::kPrune;
    entry.actor = actor;
    entry.reason = reason.empty() ? it.why : reason + " (" + it.why + ")";
    entry.to = it.revision.name.str();
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return {};
  return snapshots_.remove(std::move(entries), plan.version);
}

// Of one part of all hashes.
class Retention::Sweep {
 public:
  Sweep(Retention& retention, HashPart part, const std::atomic<bool>& stop, Swept& swept)
      : database_(retention.database_),
        snapshots_(retention.snapshots_),
        part_(part),
        stop_(stop),
        swept_(swept),
        marker_(retention.snapshots_, retention.blobs_, part) {}

  Status run() {
    ROLLBACK_TRY(mark_all());
    if (part_.index == 0) {
      ROLLBACK_TRY(sweep(Table::kSnapshots, HashPart{}));
      ROLLBACK_TRY(sweep(Table::kTrees, HashPart{}));
    }
    ROLLBACK_TRY(sweep(Table::kBlobs, part_));
    return forget_damage();
  }

 private:
  // Again whenever something was recorded since: only what is new is read.
  Status mark_all() {
    const std::uint64_t version = snapshots_.version();
    ROLLBACK_ASSIGN(const auto revisions, snapshots_.revisions());
    for (const auto& revision : revisions) {
      if (stop_) return stopped();
      const auto status = marker_.mark(revision.snapshot, 0);
      if (!status)
        return Failure(status.error().within(
            revision.name.str() + " is damaged, so nothing that it may need is removed"));
    }
    marked_ = version;
    return {};
  }

  Status sweep(Table table, const HashPart& part) {
    Status outcome;
    ROLLBACK_TRY(scan_part(database_, table, part, [&](std::string_view key, std::uint64_t bytes) {
      if (stop_) return false;
      if (marker_.of(table).owner(key)) return true;
      waste_.push_back({std::string(key), bytes});
      if (waste_.size() == kStep) outcome = remove(table);
      return outcome.has_value();
    }));
    ROLLBACK_TRY(outcome);
    if (stop_) return stopped();
    return remove(table);
  }

  // What is missing cannot be removed, and hurts nobody any more.
  Status forget_damage() {
    const auto noted = database_.noted_damage();
    if (noted.empty()) return {};
    ROLLBACK_ASSIGN(const auto sole, lock());
    for (const auto& [table, key, what] : noted)
      if (is_swept(table, key) && !marker_.of(table).owner(key))
        database_.forget_damage(table, key);
    return {};
  }

  [[nodiscard]] bool is_swept(Table table, std::string_view key) const {
    if (key.empty()) return false;  // a note about the whole table
    if (table == Table::kBlobs) return part_.contains(key);
    return part_.index == 0 && (table == Table::kTrees || table == Table::kSnapshots);
  }

  // Nobody has put something that is not recorded, and all that is recorded is marked.
  Result<std::unique_lock<std::shared_timed_mutex>> lock() {
    auto lock = snapshots_.unlocked_sweep();
    for (;;) {
      while (!lock.try_lock_for(kLook))
        if (stop_) return stopped();
      if (stop_) return stopped();
      if (snapshots_.version() == marked_) return lock;
      lock.unlock();
      ROLLBACK_TRY(mark_all());
    }
  }

  static Failure stopped() {
    return fail(ErrorCode::kBusy, "removing was stopped; it goes on later");
  }

  Status remove(Table table) {
    if (waste_.empty()) return {};
    ROLLBACK_ASSIGN(const auto sole, lock());
    ROLLBACK_ASSIGN(const bool open, snapshots_.is_sweep_open());
    if (!open) ROLLBACK_TRY(snapshots_.begin_sweep());
    std::vector<Change> changes;
    for (auto& [key, bytes] : waste_) {
      if (marker_.of(table).owner(key)) continue;  // recorded since it was met
      ++swept_.objects;
      swept_.bytes += bytes;
      changes.push_back({table, std::move(key), std::nullopt});
    }
    waste_.clear();
    if (changes.empty()) return {};
    return snapshots_.sweep(std::move(changes));
  }

  Database& database_;
  SnapshotStore& snapshots_;
  const HashPart part_;
  const std::atomic<bool>& stop_;
  Swept& swept_;
  Marker marker_;
  std::uint64_t marked_ = 0;  // version of the store
  std::vector<std::pair<std::string, std::uint64_t>> waste_;
};

Result<Swept> Retention::sweep(GiveBack give_back, std::atomic<bool>& stop) {
  Swept swept;
  const std::uint64_t removals = snapshots_.removals();
  ROLLBACK_ASSIGN(const std::uint32_t count, parts(stop));
  for (std::uint32_t index = 0; index < count; ++index)
    ROLLBACK_TRY(Sweep(*this, {index, count}, stop, swept).run());
  std::uint64_t left = 0;
  for (const auto table : {Table::kBlobs, Table::kTrees, Table::kSnapshots})
    ROLLBACK_TRY(database_.scan_sizes(table, {}, [&](std::string_view, std::uint64_t bytes) {
      left += bytes;
      return !stop;
    }));
  ROLLBACK_ASSIGN(swept.disk, database_.disk_size());
  const double bearable = static_cast<double>(left) * (1 + kMuchWaste);
  if (give_back == GiveBack::kAll || static_cast<double>(swept.disk) > bearable + kSmallStore)
    ROLLBACK_TRY(database_.give_space_back(
        give_back == GiveBack::kAll ? kLittleWaste : kMuchWaste / 2, stop));
  ROLLBACK_TRY(snapshots_.end_sweep(removals));
  ROLLBACK_ASSIGN(swept.disk, database_.disk_size());
  return swept;
}

}  // namespace rollback
