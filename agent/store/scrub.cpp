// SPDX-License-Identifier: Apache-2.0
#include "agent/store/scrub.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "agent/store/keys.h"
#include "agent/store/scrub_contents.h"
#include "agent/store/scrub_pace.h"
#include "protocol/records.h"

namespace rollback {
namespace {

constexpr Duration kKeepEvery = std::chrono::seconds(3);
// What names something comes behind it: a snapshot that is recorded meanwhile puts contents before
// directories, and its directories are met with everything they name in place.
constexpr std::array kTables = {Table::kBlobs,     Table::kTrees,   Table::kSnapshots,
                                Table::kRevisions, Table::kHistory, Table::kRuns,
                                Table::kEvents};

class StoreScrub {
 public:
  StoreScrub(const ScrubDeps& deps, const ScrubOrder& order, ScrubWatcher& watcher)
      : deps_(deps),
        order_(order),
        marks_(deps.database),
        pace_(deps.clock, order.rate, watcher),
        contents_(deps.blobs, order.depth, pace_),
        kept_at_(deps.clock.boot()) {}

  Result<ScrubResult> run() {
    ScrubResult result;
    result.resumed = resumed_ = resume();
    expect_totals();
    for (; place_ < kTables.size(); ++place_, mark_.after.clear()) {
      mark_.table = kTables.at(place_);
      if (mark_.table == Table::kTrees && mark_.after.empty()) note_count(trees_);
      if (!is_skipped()) ROLLBACK_TRY(table());
      if (pace_.stopped()) return interrupted(std::move(result));
    }
    const auto noted = still_noted();
    auto report = report_damage(deps_.database, deps_.snapshots, deps_.blobs, noted, missing_,
                                [&] { return pace_.go_on(); });
    if (!report && pace_.stopped()) return interrupted(std::move(result));
    if (!report) return Failure(report.error());
    result.damage = *std::move(report);
    note(result.damage);
    result.finished = true;
    result.count = pace_.counted();
    const bool deep = mark_.depth == ScrubDepth::kDeep;
    finish(deep ? std::optional(deps_.clock.wall()) : std::nullopt);
    return result;
  }

 private:
  // Contents are met by the directories that name them, unless every byte is asked for.
  [[nodiscard]] bool is_skipped() const {
    return mark_.table == Table::kBlobs && order_.depth == ScrubDepth::kShallow;
  }

  bool resume() {
    mark_.depth = order_.depth;
    const auto found = order_.restart ? std::nullopt : marks_.interrupted();
    if (!found || found->depth != order_.depth) return false;
    const auto place = std::ranges::find(kTables, found->table);
    if (place == kTables.end()) return false;
    place_ = static_cast<std::size_t>(place - kTables.begin());
    mark_ = *found;
    pace_.counted().objects = mark_.objects;
    pace_.counted().bytes = mark_.bytes;
    contents_.resume_behind(mark_.table == Table::kBlobs ? mark_.after : std::string(32, '\xff'));
    return true;
  }

  void expect_totals() {
    for (const auto table : kTables) {
      const auto extent = deps_.database.extent(table);
      pace_.counted().total_objects += extent.keys;
      pace_.counted().total_bytes += extent.bytes;
    }
  }

  // In pieces, so that no view of the store is held for long.
  Status table() {
    for (bool more = true; more && !pace_.stopped();) {
      more = false;
      bool looked = false;
      const auto visit = [&](std::string_view key, std::string_view value) {
        looked = true;
        look(key, value);
        mark_.after = key;
        more = pace_.due();
        return !more;
      };
      const std::string from = mark_.after.empty() ? "" : mark_.after + '\0';
      const auto scanned = deps_.database.scan(mark_.table, {}, from, visit);
      if (!scanned && scanned.error().code != ErrorCode::kCorrupt) return scanned;
      if (!scanned) unreadable_.insert(mark_.table);  // noted; what can be met otherwise is
      if (!looked) break;  // who is stopped at every question still gets on
      (void)pace_.go_on();
      keep(pace_.stopped());
    }
    return {};
  }

  void look(std::string_view key, std::string_view value) {
    if (mark_.table == Table::kBlobs) return contents_.see(key, value);
    pace_.count(key.size() + value.size());
    switch (mark_.table) {
      case Table::kTrees:
        return tree(key, value);
      case Table::kSnapshots:
        return snapshot(key, value);
      case Table::kRevisions:
        return revision(key, value);
      case Table::kHistory:
        return record(key, decode_history_entry(value), "history entry");
      case Table::kRuns:
        if (key.starts_with('r')) record(key, decode_run(value), "run");
        return;
      case Table::kEvents:
        return record(key, decode_run_event(value), "event");
      default:
        return;
    }
  }

  void tree(std::string_view key, std::string_view value) {
    const auto id = Digest::from_bytes(key);
    if (!id) return;
    auto tree = sha256(value) == *id ? decode_tree(value) : deps_.snapshots.load_tree(*id);
    if (!tree) tree = deps_.snapshots.load_tree(*id);  // notes what is wrong
    if (!tree) return;
    for (const auto& entry : tree->entries) node(entry.node);
  }

  void snapshot(std::string_view key, std::string_view value) {
    const auto id = Digest::from_bytes(key);
    const auto snapshot = decode_snapshot(value);
    if (!id || snapshot_id(value).digest != *id || !snapshot)
      return wrong(key, object_name(Table::kSnapshots, key) + ": what is stored has another hash");
    for (const auto& resource : snapshot->resources)
      for (const auto& managed : resource.paths)
        if (managed.node) node(*managed.node);
  }

  void node(const Node& node) {
    if (node.kind == NodeKind::kFile) return contents_.need(node.content, node.size);
    if (node.kind == NodeKind::kDirectory) need(Table::kTrees, node.content, "directory");
  }

  void revision(std::string_view key, std::string_view value) {
    const auto revision = decode_revision(value);
    record(key, revision, "revision");
    if (revision) need(Table::kSnapshots, revision->snapshot.digest, "snapshot");
  }

  template <typename T>
  void record(std::string_view key, const Result<T>& decoded, std::string_view name) {
    if (!decoded) wrong(key, fmt::format("a {} is damaged: {}", name, decoded.error().message));
  }

  void need(Table table, const Digest& id, std::string_view name) {
    const auto there = deps_.database.has(table, id.view());
    if (!there || *there || deps_.database.is_known_damaged(table, id.view())) return;
    missing_.push_back(
        {table, std::string(id.view()), fmt::format("{} {} is not stored", name, id.hex())});
  }

  void wrong(std::string_view key, std::string what) {
    (void)deps_.database.note_damage(mark_.table, key, std::move(what));
  }

  // What is noted and still true.
  std::vector<Database::Damaged> still_noted() {
    missing_.insert(missing_.end(), contents_.missing().begin(), contents_.missing().end());
    std::vector<Database::Damaged> still;
    for (auto& damaged : deps_.database.noted_damage()) {
      const Status sound = look_again(damaged);
      if (!sound && sound.error().code != ErrorCode::kNotFound) {
        still.push_back(std::move(damaged));
        continue;
      }
      deps_.database.forget_damage(damaged.table, damaged.key);
      if (!sound) missing_.push_back(std::move(damaged));  // noted again when a release needs it
    }
    return still;
  }

  Status look_again(const Database::Damaged& damaged) {
    const auto damage = fail(ErrorCode::kCorrupt, damaged.what);
    // A resumed check has not seen the tables before the place where it went on.
    if (damaged.key.empty() && !resumed_ && !unreadable_.contains(damaged.table)) return {};
    const auto id = Digest::from_bytes(damaged.key);
    if (!id) return damage;
    if (damaged.table == Table::kBlobs) return outcome(deps_.blobs.check_stored(*id));
    if (damaged.table == Table::kTrees) return outcome(deps_.snapshots.load_tree(*id));
    if (damaged.table == Table::kSnapshots) return outcome(deps_.snapshots.load_snapshot({*id}));
    return damage;  // only found by this check itself, or since
  }
  template <typename T>
  static Status outcome(const Result<T>& result) {
    return result ? Status() : Status(Failure(result.error()));
  }

  // What a release misses is damage like any other from now on.
  void note(const std::vector<Damage>& damage) {
    for (const auto& one : damage) (void)deps_.database.note_damage(one.table, one.key, one.what);
    (void)deps_.database.keep_damage();
  }

  // A mark that cannot be written only makes the next check longer.
  void keep(bool now) {
    if (!now && deps_.clock.boot() - kept_at_ < kKeepEvery) return;
    kept_at_ = deps_.clock.boot();
    note_count(mark_);
    (void)deps_.database.keep_damage();
    // What is missing is only known when all of it was asked for by the same check.
    const bool open = !missing_.empty() || !contents_.missing().empty();
    (void)marks_.keep(open ? trees_ : mark_);
  }
  void note_count(ScrubMark& mark) {
    mark.depth = order_.depth;
    mark.objects = pace_.counted().objects;
    mark.bytes = pace_.counted().bytes;
  }

  void finish(std::optional<WallTime> deep_end) { (void)marks_.finish(deep_end); }

  ScrubResult interrupted(ScrubResult result) {
    keep(true);
    result.count = pace_.counted();
    return result;
  }

  const ScrubDeps& deps_;
  const ScrubOrder& order_;
  ScrubMarks marks_;
  ScrubPace pace_;
  ScrubContents contents_;
  BootTime kept_at_;
  ScrubMark mark_;
  ScrubMark trees_{ScrubDepth::kShallow, Table::kTrees, {}, 0, 0};  // where the search began
  std::size_t place_ = 0;                                           // in kTables
  bool resumed_ = false;
  std::unordered_set<Table> unreadable_;
  std::vector<Database::Damaged> missing_;
};

}  // namespace

Result<ScrubResult> scrub_store(const ScrubDeps& deps, const ScrubOrder& order,
                                ScrubWatcher& watcher) {
  ROLLBACK_TRY(deps.database.readable());
  return StoreScrub(deps, order, watcher).run();
}

Result<ScrubResult> scrub_release(const ScrubDeps& deps, const HostState& state, std::uint64_t rate,
                                  ScrubWatcher& watcher) {
  ScrubPace pace(deps.clock, rate, watcher);
  std::unordered_set<Digest> read;
  std::vector<Database::Damaged> damaged;
  for (const auto& [path, node] : state.manifest)
    if (node.kind == NodeKind::kFile && read.insert(node.content).second) {
      pace.counted().total_bytes += node.size;
      ++pace.counted().total_objects;
    }
  read.clear();
  for (const auto& [path, node] : state.manifest) {
    if (node.kind != NodeKind::kFile || !read.insert(node.content).second) continue;
    const auto sound = deps.blobs.read(node.content, [](std::string_view) { return Status(); });
    if (!sound)
      damaged.push_back({Table::kBlobs, std::string(node.content.view()), sound.error().message});
    pace.count(node.size);
    if (pace.due() && !pace.go_on())
      return fail(ErrorCode::kBusy, "the verification was stopped before its end");
  }
  ScrubResult result;
  result.finished = true;
  result.count = pace.counted();
  if (damaged.empty()) return result;
  ROLLBACK_ASSIGN(result.damage, report_damage(deps.database, deps.snapshots, deps.blobs, damaged,
                                               {}, [&] { return pace.go_on(); }));
  return result;
}

}  // namespace rollback
