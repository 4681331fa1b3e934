// SPDX-License-Identifier: Apache-2.0
#include "agent/store/snapshot_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/store/keys.h"
#include "protocol/records.h"

namespace rollback {
namespace {

constexpr std::string_view kSweeps = "sweeps";
constexpr std::string_view kSweepOpen = "sweep-open";

struct StoredRevision {
  std::uint64_t number = 0;  // in order of recording
  Revision revision;
};

// Decodes every value of `table`; `use` gets the number in the key and the value.
template <typename T>
Status read_numbered(const Database& database, Table table, std::string_view what,
                     Result<T> (*decode)(std::string_view),
                     const std::function<Status(std::uint64_t, T)>& use) {
  Status outcome;
  const auto visit = [&](std::string_view key, std::string_view value) {
    const std::uint64_t number = key_number(key);
    auto decoded = decode(value);
    if (key.size() != 8 || !decoded) {
      outcome = database.note_damage(
          table, key,
          fmt::format("{} {} is damaged: {}", what, number,
                      decoded ? "its key is malformed" : decoded.error().message));
    } else {
      outcome = use(number, std::move(*decoded));
    }
    return outcome.has_value();
  };
  ROLLBACK_TRY(database.scan(table, {}, {}, visit));
  return outcome;
}

Result<std::vector<StoredRevision>> stored_revisions(const Database& database) {
  std::vector<StoredRevision> revisions;
  ROLLBACK_TRY(read_numbered<Revision>(database, Table::kRevisions, "revision", decode_revision,
                                       [&](std::uint64_t number, Revision revision) -> Status {
                                         revisions.push_back({number, std::move(revision)});
                                         return {};
                                       }));
  return revisions;
}

Result<std::uint64_t> last_number(const Database& database, Table table) {
  std::uint64_t last = 0;
  ROLLBACK_TRY(database.scan_backwards(table, {}, [&](std::string_view key, std::string_view) {
    last = key_number(key);
    return false;
  }));
  return last;
}

// `seq` is assigned here.
Result<Change> next_history_change(const Database& database, HistoryEntry entry) {
  ROLLBACK_ASSIGN(const auto last, last_number(database, Table::kHistory));
  entry.seq = last + 1;
  ROLLBACK_ASSIGN(auto bytes, encode_history_entry(entry));
  return Change{Table::kHistory, number_key(entry.seq), std::move(bytes)};
}

// The newest of the same label, or nullptr.
const StoredRevision* newest_of(const std::vector<StoredRevision>& revisions,
                                const RevisionName& name) {
  const auto found = std::find_if(revisions.rbegin(), revisions.rend(), [&](const auto& known) {
    return known.revision.name.label() == name.label();
  });
  return found == revisions.rend() ? nullptr : &*found;
}

// The highest number that a revision of this release has had, gone or not; 0 when there was none.
// A number given twice would make two things of one name in the history.
Result<std::uint32_t> highest_number(const Database& database, const std::string& label) {
  std::uint32_t highest = 0;
  const auto use = [&](std::uint64_t, HistoryEntry entry) -> Status {
    if (!entry.to.starts_with(label)) return {};
    const auto name = RevisionName::parse(entry.to);
    if (name && name->label() == label) highest = std::max({highest, name->number(), 1U});
    return {};
  };
  ROLLBACK_TRY(read_numbered<HistoryEntry>(database, Table::kHistory, "history entry",
                                           decode_history_entry, use));
  return highest;
}

Result<RevisionName> next_name(const Database& database, const RevisionName& name,
                               const StoredRevision* newest) {
  if (name.is_run()) {
    if (newest != nullptr)
      return fail(ErrorCode::kConflict, name.str() + " has another origin already");
    return name;
  }
  ROLLBACK_ASSIGN(const auto label, ReleaseLabel::parse(name.label()));
  ROLLBACK_ASSIGN(std::uint32_t last, highest_number(database, name.label()));
  if (newest != nullptr) last = std::max(last, newest->revision.name.number());
  return RevisionName::of_release(label, last + 1);
}

// What is said of a state when it is recorded.
struct Saying {
  bool healthy = true;
  WallTime now;
  std::string git_ref;
};

struct Choice {
  Revision revision;
  std::uint64_t number = 0;          // its key
  std::optional<Revision> existing;  // what the revision was, when there is one of this content
};

// The revision that `state` becomes under `name`.
Result<Choice> choose(const SnapshotStore& snapshots, const Database& database,
                      const HostState& state, const RevisionName& name, const Saying& said) {
  // An origin is taken even now: the way back must not depend on the health of the store.
  if (const auto damage = database.damage(); !damage.empty() && !name.is_run())
    return fail(ErrorCode::kCorrupt, name.str() + " was not recorded: " + damage);
  const Digest root = content_root(state.snapshot);
  ROLLBACK_ASSIGN(const auto known, stored_revisions(database));
  const auto* newest = newest_of(known, name);
  bool existed = newest != nullptr && newest->revision.content_root == root;
  if (existed && newest->revision.snapshot != state.id) {
    // Only a fact of the host, which says what the content works with, makes it another revision.
    const auto earlier = snapshots.load_snapshot(newest->revision.snapshot);
    existed = !earlier || earlier->facts == state.snapshot.facts;
  }
  if (existed) {
    Choice choice{newest->revision, newest->number, newest->revision};
    choice.revision.healthy |= said.healthy;
    if (!said.git_ref.empty()) choice.revision.git_ref = said.git_ref;
    return choice;
  }
  ROLLBACK_ASSIGN(const auto chosen, next_name(database, name, newest));
  return Choice{{chosen, state.id, root, said.now, said.healthy, said.git_ref},
                known.empty() ? 1 : known.back().number + 1,
                std::nullopt};
}

}  // namespace

Result<std::uint64_t> SnapshotStore::sweeps() const {
  ROLLBACK_ASSIGN(const auto stored, database_.get(Table::kMeta, kSweeps));
  if (!stored) return 0;
  if (stored->size() != 8)
    return database_.note_damage(Table::kMeta, kSweeps, "the number of sweeps is damaged");
  return key_number(*stored);
}

Result<SnapshotStore::Recorded> SnapshotStore::record(const HostState& state,
                                                      const RevisionName& name, bool healthy,
                                                      WallTime now,
                                                      std::optional<HistoryEntry> entry,
                                                      const std::string& git_ref) {
  ROLLBACK_ASSIGN(auto bytes, encode_snapshot(state.snapshot));
  if (snapshot_id(bytes) != state.id)
    return fail(ErrorCode::kBug, "the state to be recorded does not have the id it claims");

  const std::lock_guard lock(recording_);
  ROLLBACK_ASSIGN(const auto choice,
                  choose(*this, database_, state, name, {healthy, now, git_ref}));
  const auto& chosen = choice.revision;
  const auto& before = choice.existing;
  std::vector<Change> changes;
  if (!before)
    changes.push_back({Table::kSnapshots, std::string(state.id.digest.view()), std::move(bytes)});
  if (!before || chosen.healthy != before->healthy || chosen.git_ref != before->git_ref) {
    ROLLBACK_ASSIGN(auto value, encode_revision(chosen));
    changes.push_back({Table::kRevisions, number_key(choice.number), std::move(value)});
  }
  if (entry) {
    entry->to = chosen.name.str();
    ROLLBACK_ASSIGN(auto change, next_history_change(database_, std::move(*entry)));
    changes.push_back(std::move(change));
  }
  if (!changes.empty()) ROLLBACK_TRY(database_.write(changes, Durability::kSynced));
  ++version_;
  return Recorded{chosen, before.has_value()};
}

Result<SnapshotStore::Recorded> SnapshotStore::would_record(const HostState& state,
                                                            const RevisionName& name, bool healthy,
                                                            WallTime now,
                                                            const std::string& git_ref) const {
  ROLLBACK_ASSIGN(auto choice, choose(*this, database_, state, name, {healthy, now, git_ref}));
  return Recorded{std::move(choice.revision), choice.existing.has_value()};
}

Result<std::vector<Revision>> SnapshotStore::revisions() const {
  ROLLBACK_ASSIGN(auto stored, stored_revisions(database_));
  std::vector<Revision> revisions;
  revisions.reserve(stored.size());
  for (auto& one : stored) revisions.push_back(std::move(one.revision));
  return revisions;
}

Result<std::vector<RevisionStatus>> SnapshotStore::statuses() const {
  ROLLBACK_ASSIGN(const auto known, revisions());
  ROLLBACK_ASSIGN(const auto entries, history());
  return revision_statuses(known, entries);
}

Result<std::vector<HistoryEntry>> SnapshotStore::history() const {
  std::vector<HistoryEntry> entries;
  const auto use = [&](std::uint64_t seq, HistoryEntry entry) -> Status {
    const std::uint64_t expected = entries.size() + 1;
    if (seq != expected || entry.seq != expected)
      return database_.note_damage(
          Table::kHistory, number_key(expected),
          fmt::format("history entry {} is missing; restore the store from a backup", expected));
    entries.push_back(std::move(entry));
    return {};
  };
  ROLLBACK_TRY(read_numbered<HistoryEntry>(database_, Table::kHistory, "history entry",
                                           decode_history_entry, use));
  return entries;
}

Status SnapshotStore::append_history(HistoryEntry entry) {
  const std::lock_guard lock(recording_);
  ROLLBACK_ASSIGN(auto change, next_history_change(database_, std::move(entry)));
  ROLLBACK_TRY(database_.write({std::move(change)}, Durability::kSynced));
  ++version_;
  return {};
}

Status SnapshotStore::append_mark(HistoryEntry entry) {
  const std::lock_guard lock(recording_);
  ROLLBACK_ASSIGN(const auto known, stored_revisions(database_));
  if (std::ranges::none_of(known,
                           [&](const auto& one) { return one.revision.name.str() == entry.to; }))
    return fail(ErrorCode::kNotFound, entry.to + " was removed meanwhile");
  ROLLBACK_ASSIGN(auto change, next_history_change(database_, std::move(entry)));
  ROLLBACK_TRY(database_.write({std::move(change)}, Durability::kSynced));
  ++version_;
  return {};
}

Status SnapshotStore::remove(std::vector<HistoryEntry> entries, std::uint64_t version) {
  const std::lock_guard lock(recording_);
  if (version_ != version)
    return fail(ErrorCode::kConflict, "the releases of this host changed meanwhile; ask again");
  ROLLBACK_ASSIGN(const auto known, stored_revisions(database_));
  ROLLBACK_ASSIGN(std::uint64_t seq, last_number(database_, Table::kHistory));
  std::set<std::string> gone;
  std::vector<Change> changes;
  for (auto& entry : entries) {
    gone.insert(entry.to);
    entry.seq = ++seq;
    ROLLBACK_ASSIGN(auto bytes, encode_history_entry(entry));
    changes.push_back({Table::kHistory, number_key(seq), std::move(bytes)});
  }
  std::set<Digest> kept;  // two revisions may be the same snapshot
  for (const auto& one : known)
    if (!gone.contains(one.revision.name.str())) kept.insert(one.revision.snapshot.digest);
  for (const auto& one : known) {
    if (!gone.contains(one.revision.name.str())) continue;
    changes.push_back({Table::kRevisions, number_key(one.number), std::nullopt});
    const Digest& snapshot = one.revision.snapshot.digest;
    if (!kept.contains(snapshot))
      changes.push_back({Table::kSnapshots, std::string(snapshot.view()), std::nullopt});
  }
  changes.push_back({Table::kMeta, std::string(kSweepOpen), std::string()});
  ++removals_;  // also when it fails: it may have been written
  ROLLBACK_TRY(database_.write(changes, Durability::kSynced));
  ++version_;
  return {};
}

Status SnapshotStore::begin_sweep() {
  return database_.write({{Table::kMeta, std::string(kSweepOpen), std::string()}},
                         Durability::kSynced);
}

Status SnapshotStore::sweep(std::vector<Change> waste) {
  ROLLBACK_ASSIGN(const std::uint64_t before, sweeps());
  waste.push_back({Table::kMeta, std::string(kSweeps), number_key(before + 1)});
  return database_.write(waste, Durability::kBuffered);
}

Result<bool> SnapshotStore::is_sweep_open() const {
  return database_.has(Table::kMeta, kSweepOpen);
}

Status SnapshotStore::end_sweep(std::uint64_t removals) {
  const std::lock_guard lock(recording_);
  if (removals_ != removals) return {};
  return database_.write({{Table::kMeta, std::string(kSweepOpen), std::nullopt}},
                         Durability::kSynced);
}

}  // namespace rollback
