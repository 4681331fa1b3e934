// SPDX-License-Identifier: Apache-2.0
#include "coordinator/store/rocks_state_store.h"

#include <charconv>

#include "core/store/tables.h"

namespace rollback {
namespace {

// Indexes of the tables below; docs/formats/store.md.
constexpr std::size_t kMeta = 0;
constexpr std::size_t kState = 1;
constexpr std::string_view kVersionKey = "version";

Result<std::uint64_t> parse_version(const std::string& path,
                                    const std::optional<std::string>& text) {
  std::uint64_t version = 0;
  if (!text) return version;
  const auto* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, version);
  if (parsed.ec != std::errc() || parsed.ptr != end)
    return fail(ErrorCode::kCorrupt, "the version of the store " + path + " is unreadable");
  return version;
}

}  // namespace

Result<std::unique_ptr<RocksStateStore>> RocksStateStore::open(const std::string& path) {
  ROLLBACK_ASSIGN(auto tables, Tables::open({path, kFormat, {{"default"}, {"state"}}}));
  ROLLBACK_ASSIGN(const auto stored, tables->get(kMeta, kVersionKey));
  ROLLBACK_ASSIGN(const auto version, parse_version(path, stored));
  return std::unique_ptr<RocksStateStore>(new RocksStateStore(std::move(tables), version));
}

RocksStateStore::RocksStateStore(std::unique_ptr<Tables> tables, std::uint64_t version)
    : tables_(std::move(tables)), version_(version) {}
RocksStateStore::~RocksStateStore() = default;

Result<std::uint64_t> RocksStateStore::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

Result<std::uint64_t> RocksStateStore::commit(std::uint64_t expected_version,
                                              const std::vector<StateChange>& changes) {
  ROLLBACK_TRY(check_changes(changes));
  const std::lock_guard lock(mutex_);
  if (expected_version != version_) return version_conflict(expected_version, version_);
  const std::string next = std::to_string(version_ + 1);
  std::vector<TableChange> batch{{kMeta, kVersionKey, next}};
  batch.reserve(changes.size() + 1);
  for (const auto& change : changes)
    batch.push_back({kState, change.key,
                     change.value ? std::optional<std::string_view>(*change.value) : std::nullopt});
  ROLLBACK_TRY(tables_->write(batch, Durability::kSynced));
  return ++version_;
}

Result<std::optional<std::string>> RocksStateStore::get(std::string_view key) const {
  return tables_->get(kState, key);
}

bool RocksStateStore::needs_new_start() const { return tables_->needs_new_start(); }

Status RocksStateStore::scan(std::string_view prefix, const Visit& visit) const {
  return tables_->scan(kState, prefix, {}, visit);
}

}  // namespace rollback
