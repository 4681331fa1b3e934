// SPDX-License-Identifier: Apache-2.0
#include "agent/store/database.h"

#include <fmt/format.h>

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

constexpr std::size_t kMaxNotes = 1000;  // of damage; more says nothing new
constexpr std::size_t kShownNotes = 3;

}  // namespace

struct Database::Inner {
  std::string path;
  std::unique_ptr<Tables> tables;

  mutable std::mutex mutex;  // guards `damage`
  mutable std::map<std::pair<Table, std::string>, std::string, std::less<>> damage;

  [[nodiscard]] bool is_damaged(Table table, std::string_view key) const {
    const std::lock_guard lock(mutex);
    return !damage.empty() && damage.contains(std::pair(table, std::string(key)));
  }
  void forget_damage(Table table, std::string_view key) {
    const std::lock_guard lock(mutex);
    if (!damage.empty()) damage.erase(std::pair(table, std::string(key)));
  }
};

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  ROLLBACK_ASSIGN(auto tables, Tables::open(spec_of(path)));
  auto inner = std::make_unique<Inner>();
  inner->path = path;
  inner->tables = std::move(tables);
  return std::unique_ptr<Database>(new Database(std::move(inner)));
}

Database::Database(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Database::~Database() = default;

Result<std::optional<std::string>> Database::get(Table table, std::string_view key) const {
  auto value = inner_->tables->get(index_of(table), key);
  if (!value && value.error().code == ErrorCode::kCorrupt)
    return note_damage(table, key, value.error().message);
  return value;
}

Result<bool> Database::has(Table table, std::string_view key) const {
  if (inner_->is_damaged(table, key)) return false;
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
  ROLLBACK_TRY(inner_->tables->write({{index_of(table), key, value}}, durability));
  inner_->forget_damage(table, key);
  return {};
}

Status Database::write(const std::vector<Change>& changes, Durability durability) {
  std::vector<TableChange> views;
  views.reserve(changes.size());
  for (const auto& change : changes)
    views.push_back({index_of(change.table), change.key,
                     change.value ? std::optional<std::string_view>(*change.value) : std::nullopt});
  ROLLBACK_TRY(inner_->tables->write(views, durability));
  for (const auto& change : changes) inner_->forget_damage(change.table, change.key);
  return {};
}

Status Database::scan(Table table, std::string_view prefix, std::string_view from,
                      const std::function<bool(std::string_view, std::string_view)>& visit) const {
  return inner_->tables->scan(index_of(table), prefix, from, visit);
}

Status Database::scan_backwards(
    Table table, std::string_view prefix,
    const std::function<bool(std::string_view, std::string_view)>& visit) const {
  return inner_->tables->scan_backwards(index_of(table), prefix, visit);
}

Failure Database::note_damage(Table table, std::string_view key, std::string what) const {
  const std::lock_guard lock(inner_->mutex);
  if (inner_->damage.size() < kMaxNotes)
    inner_->damage.insert_or_assign(std::pair(table, std::string(key)), what);
  return fail(ErrorCode::kCorrupt, std::move(what));
}

std::string Database::damage() const {
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

}  // namespace rollback
