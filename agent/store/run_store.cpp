// SPDX-License-Identifier: Apache-2.0
#include "agent/store/run_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/store/keys.h"
#include "protocol/records.h"

namespace rollback {
namespace {

// Keys of Table::kRuns begin with what they are; docs/formats/store.md.
constexpr char kByRun = 'r';   // id -> record
constexpr char kByTime = 't';  // start, id -> nothing
constexpr std::string_view kDeployKey = "deploy";
constexpr std::string_view kMarkKey = "replay-mark";
constexpr std::size_t kRunIdSize = 6;
constexpr std::size_t kMinPrefix = 4;

std::string run_key(const RunId& id) { return kByRun + std::string(id.bytes()); }

// Times before 1970 sort first: the sign bit is turned.
std::string time_key(const RunRecord& run) {
  const auto started = static_cast<std::uint64_t>(run.started.ns) ^ (1ULL << 63);
  return kByTime + number_key(started) + std::string(run.id.bytes());
}

std::string event_key(const RunId& run, std::uint64_t seq) {
  return std::string(run.bytes()) + number_key(seq);
}

std::string hex(std::string_view bytes) {
  return to_hex(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

Result<RunRecord> load_run(const Database& database, std::string_view id) {
  const std::string key = kByRun + std::string(id);
  ROLLBACK_ASSIGN(const auto bytes, database.get(Table::kRuns, key));
  if (!bytes) return database.note_damage(Table::kRuns, key, "run " + hex(id) + " is missing");
  auto run = decode_run(*bytes);
  if (run) return run;
  return database.note_damage(Table::kRuns, key,
                              run.error().within("run " + hex(id) + " is damaged").message);
}

}  // namespace

Result<std::vector<Change>> RunStore::changes_of(const RunRecord& run) const {
  ROLLBACK_ASSIGN(auto bytes, encode_run(run));
  std::vector<Change> changes{{Table::kRuns, run_key(run.id), std::move(bytes)},
                              {Table::kRuns, time_key(run), ""}};
  // A run that is prepared again begins anew and stays one line of the list.
  const auto known = database_.get(Table::kRuns, run_key(run.id));
  if (known && *known)
    if (const auto before = decode_run(**known); before && time_key(*before) != time_key(run))
      changes.push_back({Table::kRuns, time_key(*before), std::nullopt});
  return changes;
}

Status RunStore::put(const RunRecord& run) {
  ROLLBACK_ASSIGN(const auto changes, changes_of(run));
  return database_.write(changes, Durability::kSynced);
}

Status RunStore::put_deploy(const Deploy& deploy, const RunRecord& run) {
  ROLLBACK_ASSIGN(auto changes, changes_of(run));
  ROLLBACK_ASSIGN(auto bytes, encode_deploy(deploy));
  changes.push_back({Table::kMeta, std::string(kDeployKey), std::move(bytes)});
  return database_.write(changes, Durability::kSynced);
}

Result<std::optional<Deploy>> RunStore::open_deploy() const {
  ROLLBACK_ASSIGN(const auto bytes, database_.get(Table::kMeta, std::string(kDeployKey)));
  if (!bytes) return std::nullopt;
  auto deploy = decode_deploy(*bytes);
  if (deploy) return *std::move(deploy);
  return database_.note_damage(Table::kMeta, std::string(kDeployKey),
                               deploy.error().within("the open deploy is damaged").message);
}

Status RunStore::close_deploy(const RunRecord& run) {
  ROLLBACK_ASSIGN(auto changes, changes_of(run));
  changes.push_back({Table::kMeta, std::string(kDeployKey), std::nullopt});
  return database_.write(changes, Durability::kSynced);
}

Result<RunRecord> RunStore::find(std::string_view id_or_prefix) const {
  const bool hex_digits =
      id_or_prefix.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!hex_digits || id_or_prefix.size() < kMinPrefix || id_or_prefix.size() > 2 * kRunIdSize)
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is not a run: give {} to {} hex digits",
                                                 id_or_prefix, kMinPrefix, 2 * kRunIdSize));
  std::vector<std::string> found;
  ROLLBACK_TRY(database_.scan(Table::kRuns, std::string(1, kByRun), {},
                              [&](std::string_view key, std::string_view) {
                                if (hex(key.substr(1)).starts_with(id_or_prefix))
                                  found.emplace_back(key.substr(1));
                                return true;
                              }));
  if (found.empty())
    return fail(ErrorCode::kNotFound,
                fmt::format("no run {} on this host; `run list` shows them", id_or_prefix));
  if (found.size() > 1)
    return fail(ErrorCode::kInvalid,
                fmt::format("{} runs begin with {}, among them {} and {}; give more digits",
                            found.size(), id_or_prefix, hex(found[0]), hex(found[1])));
  return load_run(database_, found.front());
}

Result<std::vector<RunRecord>> RunStore::newest(std::size_t limit) const {
  std::vector<std::string> ids;
  ROLLBACK_TRY(database_.scan_backwards(Table::kRuns, std::string(1, kByTime),
                                        [&](std::string_view key, std::string_view) {
                                          ids.emplace_back(key.substr(1 + 8));
                                          return limit == 0 || ids.size() < limit;
                                        }));
  std::vector<RunRecord> runs;
  runs.reserve(ids.size());
  for (const auto& id : ids) {
    ROLLBACK_ASSIGN(auto run, load_run(database_, id));
    runs.push_back(std::move(run));
  }
  return runs;
}

Status RunStore::append_event(const RunId& run, const RunEvent& event) {
  ROLLBACK_ASSIGN(auto bytes, encode_run_event(event));
  return database_.write({{Table::kEvents, event_key(run, event.seq), std::move(bytes)}},
                         Durability::kBuffered);
}

Result<std::vector<RunEvent>> RunStore::events(const RunId& run, std::uint64_t from) const {
  std::vector<RunEvent> events;
  Status outcome;
  ROLLBACK_TRY(database_.scan(Table::kEvents, run.bytes(), event_key(run, from),
                              [&](std::string_view key, std::string_view value) {
                                auto event = decode_run_event(value);
                                if (event) {
                                  events.push_back(std::move(*event));
                                  return true;
                                }
                                outcome = database_.note_damage(
                                    Table::kEvents, key,
                                    fmt::format("event {} of run {} is damaged: {}",
                                                key_number(key.substr(kRunIdSize)), run.str(),
                                                event.error().message));
                                return false;
                              }));
  ROLLBACK_TRY(outcome);
  return events;
}

Result<RunStore::Mark> RunStore::replay_mark() const {
  ROLLBACK_ASSIGN(const auto bytes, database_.get(Table::kMeta, kMarkKey));
  if (!bytes) return Mark{};
  if (bytes->size() != 16)
    return database_.note_damage(Table::kMeta, kMarkKey,
                                 "the mark against replayed commands is damaged");
  const std::string_view view = *bytes;
  return Mark{key_number(view.substr(0, 8)), key_number(view.substr(8))};
}

Status RunStore::set_replay_mark(const Mark& mark) {
  return database_.write(
      {{Table::kMeta, std::string(kMarkKey), number_key(mark.epoch) + number_key(mark.seq)}},
      Durability::kSynced);
}

}  // namespace rollback
