// SPDX-License-Identifier: Apache-2.0
#include "coordinator/store/ledger.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "protocol/records.h"

namespace rollback {

namespace {

constexpr std::string_view kEpochKey = "meta/epoch";
constexpr std::string_view kHosts = "host/";
constexpr std::string_view kRollouts = "rollout/";
constexpr std::string_view kRolloutHosts = "rollout-host/";

std::string rollout_key(const RunId& run) { return std::string(kRollouts) + run.str(); }
std::string rollout_hosts_key(const RunId& run) {
  return std::string(kRolloutHosts) + run.str() + "/";
}

Result<std::uint64_t> parse_epoch(const std::optional<std::string>& text) {
  std::uint64_t epoch = 0;
  if (!text) return epoch;
  const char* const end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, epoch);
  if (parsed.ec != std::errc() || parsed.ptr != end)
    return fail(ErrorCode::kCorrupt, "the coordinator's store holds an unreadable epoch");
  return epoch;
}

// Every value below `prefix`, decoded; damage stops it with the key.
template <typename Value>
Result<std::vector<Value>> scan_all(const StateStore& store, const std::string& prefix,
                                    Result<Value> (*decode)(std::string_view)) {
  std::vector<Value> values;
  Status status;
  ROLLBACK_TRY(store.scan(prefix, [&](std::string_view key, std::string_view bytes) {
    auto value = decode(bytes);
    if (value)
      values.push_back(*std::move(value));
    else
      status = Failure(value.error().within("record " + std::string(key)));
    return status.has_value();
  }));
  ROLLBACK_TRY(status);
  return values;
}

}  // namespace

Result<Ledger> Ledger::open(StateStore& store, WallTime now) {
  ROLLBACK_ASSIGN(const auto version, store.version());
  ROLLBACK_ASSIGN(const auto text, store.get(kEpochKey));
  ROLLBACK_ASSIGN(const auto last, parse_epoch(text));
  Ledger ledger(store, version);
  const auto seconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(now.ns, 0) / 1'000'000'000);
  ledger.epoch_ = std::max(last + 1, seconds);
  ROLLBACK_TRY(ledger.commit({{std::string(kEpochKey), std::to_string(ledger.epoch_)}}));
  return ledger;
}

Status Ledger::commit(const std::vector<StateChange>& changes) {
  ROLLBACK_ASSIGN(version_, store_->commit(version_, changes));
  return {};
}

Status Ledger::save(const HostRecord& host) {
  ROLLBACK_ASSIGN(auto bytes, encode_host(host));
  return commit({{std::string(kHosts) + host.id.str(), std::move(bytes)}});
}

Result<std::vector<HostRecord>> Ledger::hosts() const {
  return scan_all(*store_, std::string(kHosts), decode_host);
}

Status Ledger::save(const RolloutRecord& header, const std::vector<HostId>& changed) {
  const std::string prefix = rollout_hosts_key(header.id);
  std::vector<StateChange> changes;
  for (const auto& host : header.hosts) {
    if (std::find(changed.begin(), changed.end(), host.id) == changed.end()) continue;
    ROLLBACK_ASSIGN(auto bytes, encode_rollout_host(host));
    changes.push_back({prefix + host.id.str(), std::move(bytes)});
    if (changes.size() + 1 < StateLimits::kMaxChanges) continue;
    ROLLBACK_TRY(commit(changes));
    changes.clear();
  }
  ROLLBACK_ASSIGN(auto bytes, encode_rollout(header));
  changes.push_back({rollout_key(header.id), std::move(bytes)});
  return commit(changes);
}

Result<RolloutRecord> Ledger::load(const RunId& run) const {
  ROLLBACK_ASSIGN(const auto bytes, store_->get(rollout_key(run)));
  if (!bytes) return fail(ErrorCode::kNotFound, "there is no run " + run.str() + " of the fleet");
  ROLLBACK_ASSIGN(auto rollout, decode_rollout(*bytes));
  ROLLBACK_ASSIGN(rollout.hosts, scan_all(*store_, rollout_hosts_key(run), decode_rollout_host));
  std::sort(rollout.hosts.begin(), rollout.hosts.end(),
            [](const RolloutHost& a, const RolloutHost& b) {
              return std::tie(a.name, a.id) < std::tie(b.name, b.id);
            });
  return rollout;
}

Result<RolloutRecord> Ledger::find(const std::string& run) const {
  ROLLBACK_ASSIGN(const auto rollouts, newest(0));
  std::vector<RunId> found;
  for (const auto& rollout : rollouts)
    if (rollout.id.str().starts_with(run)) found.push_back(rollout.id);
  if (found.empty())
    return fail(ErrorCode::kNotFound,
                run.empty() ? "the fleet has had no run yet"
                            : "there is no run " + run +
                                  " of the fleet; 'rollbackctl fleet run list' shows all");
  if (found.size() > 1 && !run.empty())
    return fail(ErrorCode::kConflict, "several runs begin with " + run + "; give more of its id");
  return load(found.front());
}

Result<std::vector<RolloutRecord>> Ledger::newest(std::size_t limit) const {
  ROLLBACK_ASSIGN(auto rollouts, scan_all(*store_, std::string(kRollouts), decode_rollout));
  std::stable_sort(
      rollouts.begin(), rollouts.end(),
      [](const RolloutRecord& a, const RolloutRecord& b) { return a.started > b.started; });
  if (limit > 0 && rollouts.size() > limit) rollouts.resize(limit);
  return rollouts;
}

}  // namespace rollback
