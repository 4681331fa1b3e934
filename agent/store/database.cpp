// SPDX-License-Identifier: Apache-2.0
#include "agent/store/database.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace rollback {
namespace {

// In the order of Table; the names are stored.
TablesSpec spec_of(const std::string& path) {
  return {path,
          Database::kFormat,
          {{"default"},
           {"blobs", true},
           {"trees"},
           {"snapshots"},
           {"revisions"},
           {"history"},
           {"runs"},
           {"events"},
           {"scans"}}};
}

std::size_t index_of(Table table) { return static_cast<std::size_t>(table); }

constexpr std::size_t kMaxNotes = 10'000;  // of damage; more says nothing new
constexpr std::size_t kShownNotes = 3;
// In kMeta: then the number of the table (1 byte) and the key; the value says what is wrong.
constexpr std::string_view kDamagePrefix = "damage/";

std::string damage_key(Table table, std::string_view key) {
  return std::string(kDamagePrefix) + static_cast<char>(table) + std::string(key);
}

// Which key could not be read is not known: the note is the table's.
Status noted(const Database& database, Table table, Status scanned) {
  if (!scanned && scanned.error().code == ErrorCode::kCorrupt)
    (void)database.note_damage(table, {}, scanned.error().message);
  return scanned;
}

}  // namespace

struct Database::Inner {
  std::string path;
  std::unique_ptr<Tables> tables;  // none: nothing can be read, and `closed` says why
  Error closed;

  mutable std::mutex mutex;  // guards `damage`
  mutable std::map<std::pair<Table, std::string>, std::string, std::less<>> damage;

  Inner(std::string path_in, std::unique_ptr<Tables> tables_in)
      : path(std::move(path_in)), tables(std::move(tables_in)) {}

  [[nodiscard]] bool is_damaged(Table table, std::string_view key) const {
    const std::lock_guard lock(mutex);
    return !damage.empty() && damage.contains(std::pair(table, std::string(key)));
  }
  [[nodiscard]] Status readable() const { return tables ? Status() : Status(Failure(closed)); }
  // What was kept by keep_damage(). Without it damage is only found later.
  void load_damage() {
    (void)tables->scan(index_of(Table::kMeta), kDamagePrefix, {}, [&](auto key, auto what) {
      key.remove_prefix(kDamagePrefix.size());
      if (key.empty()) return true;
      damage.emplace(std::pair(static_cast<Table>(key[0]), std::string(key.substr(1))), what);
      return damage.size() < kMaxNotes;
    });
  }
};

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  ROLLBACK_ASSIGN(auto tables, Tables::open(spec_of(path)));
  auto inner = std::make_unique<Inner>(path, std::move(tables));
  inner->load_damage();
  return std::unique_ptr<Database>(new Database(std::move(inner)));
}

Result<std::unique_ptr<Database>> Database::open_or_degrade(const std::string& path) {
  auto whole = open(path);
  if (whole || whole.error().code == ErrorCode::kBusy) return whole;
  const Error& why = whole.error();
  auto left = Tables::open_to_read(
      spec_of(path),
      Error{why.code, "the store takes nothing new and is only read: " + why.message});
  if (!left && left.error().code == ErrorCode::kBusy) return Failure(left.error());
  // Nothing to work with, and a new start finds out when there is room.
  if (!left && why.code == ErrorCode::kNoSpace) return Failure(why);
  auto inner = std::make_unique<Inner>(path, left ? *std::move(left) : nullptr);
  if (inner->tables)
    inner->load_damage();
  else
    inner->closed = Error{why.code, "the store cannot be read: " + why.message};
  return std::unique_ptr<Database>(new Database(std::move(inner)));
}

Database::Database(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Database::~Database() = default;

Result<std::optional<std::string>> Database::get(Table table, std::string_view key) const {
  ROLLBACK_TRY(inner_->readable());
  auto value = inner_->tables->get(index_of(table), key);
  if (!value && value.error().code == ErrorCode::kCorrupt)
    return note_damage(table, key, value.error().message);
  return value;
}

Result<bool> Database::has(Table table, std::string_view key) const {
  if (inner_->is_damaged(table, key)) return false;
  ROLLBACK_TRY(inner_->readable());
  auto found = inner_->tables->has(index_of(table), key);
  if (found || found.error().code != ErrorCode::kCorrupt) return found;
  (void)note_damage(table, key, found.error().message);  // the answer is "no", damage() says why
  return false;
}

bool Database::is_known_damaged(Table table, std::string_view key) const {
  return inner_->is_damaged(table, key);
}

Status Database::put(Table table, std::string_view key, std::string_view value,
                     Durability durability) {
  if (inner_->is_damaged(table, key))
    return write({{table, std::string(key), std::string(value)}}, durability);
  ROLLBACK_TRY(inner_->readable());
  return inner_->tables->write({{index_of(table), key, value}}, durability);
}

Status Database::write(const std::vector<Change>& changes, Durability durability) {
  ROLLBACK_TRY(inner_->readable());
  std::vector<TableChange> views;
  views.reserve(changes.size());
  for (const auto& change : changes)
    views.push_back({index_of(change.table), change.key,
                     change.value ? std::optional<std::string_view>(*change.value) : std::nullopt});
  std::deque<std::string> healed;  // keys of notes
  for (const auto& change : changes)
    if (inner_->is_damaged(change.table, change.key))
      views.push_back({index_of(Table::kMeta),
                       healed.emplace_back(damage_key(change.table, change.key)), std::nullopt});
  ROLLBACK_TRY(inner_->tables->write(views, durability));
  if (healed.empty()) return {};
  const std::lock_guard lock(inner_->mutex);
  for (const auto& change : changes) inner_->damage.erase(std::pair(change.table, change.key));
  return {};
}

Status Database::scan(Table table, std::string_view prefix, std::string_view from,
                      const std::function<bool(std::string_view, std::string_view)>& visit) const {
  ROLLBACK_TRY(inner_->readable());
  return noted(*this, table, inner_->tables->scan(index_of(table), prefix, from, visit));
}

Status Database::scan_backwards(
    Table table, std::string_view prefix,
    const std::function<bool(std::string_view, std::string_view)>& visit) const {
  ROLLBACK_TRY(inner_->readable());
  return noted(*this, table, inner_->tables->scan_backwards(index_of(table), prefix, visit));
}

Status Database::scan_sizes(
    Table table, std::string_view from,
    const std::function<bool(std::string_view, std::uint64_t)>& visit) const {
  ROLLBACK_TRY(inner_->readable());
  return inner_->tables->scan_sizes(index_of(table), from, visit);
}

Status Database::give_space_back(double tolerated, std::atomic<bool>& stop) {
  ROLLBACK_TRY(inner_->readable());
  return inner_->tables->give_space_back(tolerated, stop);
}

Result<std::uint64_t> Database::disk_size() const {
  ROLLBACK_TRY(inner_->readable());
  return inner_->tables->disk_size();
}

Failure Database::note_damage(Table table, std::string_view key, std::string what) const {
  const std::lock_guard lock(inner_->mutex);
  if (inner_->damage.size() < kMaxNotes)
    inner_->damage.insert_or_assign(std::pair(table, std::string(key)), what);
  return fail(ErrorCode::kCorrupt, std::move(what));
}

std::vector<Database::Damaged> Database::noted_damage() const {
  const std::lock_guard lock(inner_->mutex);
  std::vector<Damaged> noted;
  noted.reserve(inner_->damage.size());
  for (const auto& [where, what] : inner_->damage)
    noted.push_back({where.first, where.second, what});
  return noted;
}

void Database::forget_damage(Table table, std::string_view key) {
  {
    const std::lock_guard lock(inner_->mutex);
    inner_->damage.erase(std::pair(table, std::string(key)));
  }
  (void)write({{Table::kMeta, damage_key(table, key), std::nullopt}}, Durability::kBuffered);
}

Status Database::keep_damage() {
  std::vector<Change> notes;
  for (auto& [table, key, what] : noted_damage())
    notes.push_back({Table::kMeta, damage_key(table, key), std::move(what)});
  return notes.empty() ? Status() : write(notes, Durability::kBuffered);
}

std::string Database::damage() const {
  if (!inner_->tables) return inner_->closed.message;
  if (const auto stopped = inner_->tables->stopped()) return stopped->message;
  const std::lock_guard lock(inner_->mutex);
  if (inner_->damage.empty()) return {};
  std::string text = fmt::format("{} damaged {} found in the store {}", inner_->damage.size(),
                                 inner_->damage.size() == 1 ? "value" : "values", inner_->path);
  std::size_t shown = 0;
  for (const auto& [key, what] : inner_->damage) {
    if (shown == kShownNotes) return text + "; ...";
    text += (shown++ == 0 ? ": " : "; ") + what;
  }
  return text;
}

Status Database::readable() const { return inner_->readable(); }

bool Database::takes_writes() const noexcept {
  if (!inner_->tables) return false;
  if (!inner_->tables->is_only_read()) return true;
  const auto why = inner_->tables->stopped();
  return why && why->code == ErrorCode::kNoSpace;  // the disk was full when it was opened
}

bool Database::is_stopped() const noexcept {
  return takes_writes() && inner_->tables->is_stopped();
}

bool Database::resume() {
  if (!is_stopped()) return false;
  return inner_->tables->resume().has_value();
}

bool Database::take_resumed() noexcept { return takes_writes() && inner_->tables->take_resumed(); }

bool Database::needs_new_start() const {
  return inner_->tables && inner_->tables->needs_new_start();
}

void Database::rest() const {
  if (inner_->tables) inner_->tables->rest();
}

Database::Extent Database::extent(Table table) const {
  if (!inner_->tables) return {};
  const auto found = inner_->tables->extent(index_of(table));
  return {found.keys, found.bytes};
}

}  // namespace rollback
