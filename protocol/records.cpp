// SPDX-License-Identifier: Apache-2.0
#include "protocol/records.h"

#include <algorithm>

#include "protocol/wire.h"

namespace rollback {

namespace {

constexpr std::size_t kMaxName = 255;  // NAME_MAX

template <typename Wire, typename Value>
Result<std::string> encode(FrameKind kind, const Value& value) {
  return wire::encode<Wire>(kind, kMaxRecord, value);
}

template <typename Wire>
auto decode(FrameKind kind, std::string_view bytes) {
  return wire::decode<Wire>(kind, kMaxRecord, ErrorCode::kCorrupt, bytes);
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// Strictly growing: sorted and without doubles.
template <typename T, typename Key>
bool is_sorted_by(const std::vector<T>& items, Key key) {
  return std::adjacent_find(items.begin(), items.end(), [&](const T& a, const T& b) {
           return !(key(a) < key(b));
         }) == items.end();
}

Status check(const Tree& tree) {
  for (const auto& entry : tree.entries)
    if (!is_file_name(entry.name))
      return fail(ErrorCode::kInvalid, "a directory cannot hold the name '" + entry.name + "'");
  for (const auto& name : tree.special)
    if (!is_file_name(name))
      return fail(ErrorCode::kInvalid, "a directory cannot hold the name '" + name + "'");
  if (!is_sorted_by(
          tree.entries, [](const TreeEntry& it) -> const auto& { return it.name; }))
    return fail(ErrorCode::kInvalid, "the entries of a directory are not sorted by unique names");
  if (!std::is_sorted(tree.special.begin(), tree.special.end()))
    return fail(ErrorCode::kInvalid, "the special files of a directory are not sorted");
  return {};
}

Status check_paths(const ResourceSnapshot& resource) {
  const std::string* previous = nullptr;
  for (const auto& managed : resource.paths) {
    if (!is_canonical_path(managed.path))
      return fail(ErrorCode::kInvalid, "'" + managed.path + "' is no canonical absolute path");
    if (previous != nullptr && managed.path <= *previous)
      return fail(ErrorCode::kInvalid, "the paths of a resource are not sorted and unique");
    if (previous != nullptr && is_within(managed.path, *previous))
      return fail(ErrorCode::kInvalid, managed.path + " lies within " + *previous);
    previous = &managed.path;
  }
  return {};
}

Status check(const ResourceSnapshot& resource) {
  ROLLBACK_TRY(check_paths(resource));
  if (!is_sorted_by(
          resource.units, [](const UnitState& it) -> const auto& { return it.name; }))
    return fail(ErrorCode::kInvalid, "its units are not sorted by unique names");
  if (!is_sorted_by(
          resource.facts, [](const Fact& it) -> const auto& { return it.name; }))
    return fail(ErrorCode::kInvalid, "its facts are not sorted by unique names");
  if (!is_sorted_by(
          resource.services, [](const std::string& it) -> const auto& { return it; }))
    return fail(ErrorCode::kInvalid, "its services are not sorted and unique");
  for (const auto& unit : resource.units)
    if (!std::is_sorted(unit.uses.begin(), unit.uses.end()))
      return fail(ErrorCode::kInvalid, "what " + unit.name + " uses is not sorted");
  return {};
}

Status check(const Snapshot& snapshot) {
  for (const auto& resource : snapshot.resources)
    if (auto status = check(resource); !status)
      return Failure(status.error().within("resource " + std::string(to_string(resource.kind)) +
                                           "/" + resource.name));
  if (!is_sorted_by(snapshot.resources,
                    [](const ResourceSnapshot& it) { return std::tie(it.kind, it.name); }))
    return fail(ErrorCode::kInvalid, "resources are not sorted by unique kind and name");
  for (const auto& group : snapshot.hard_links)
    if (group.size() < 2 || !is_sorted_by(
                                group, [](const auto& it) -> const auto& { return it; }))
      return fail(ErrorCode::kInvalid, "a group of hard links is not two or more sorted names");
  if (!is_sorted_by(
          snapshot.hard_links, [](const auto& it) -> const auto& { return it.front(); }))
    return fail(ErrorCode::kInvalid, "groups of hard links are not sorted by their first name");
  if (!is_sorted_by(
          snapshot.facts, [](const Fact& it) -> const auto& { return it.name; }))
    return fail(ErrorCode::kInvalid, "the facts of the host are not sorted by unique names");
  return {};
}

// Stored bytes that decode to a value which could never have been encoded are damage.
template <typename Value>
Result<Value> checked(Result<Value> value) {
  if (!value) return value;
  if (auto status = check(*value); !status)
    return fail(ErrorCode::kCorrupt, std::move(status).error().message);
  return value;
}

}  // namespace

Result<std::string> encode_tree(const Tree& tree) {
  ROLLBACK_TRY(check(tree));
  return encode<wire::Tree>(FrameKind::kTree, tree);
}

Result<Tree> decode_tree(std::string_view bytes) {
  return checked(decode<wire::Tree>(FrameKind::kTree, bytes));
}

Result<std::string> encode_snapshot(const Snapshot& snapshot) {
  ROLLBACK_TRY(check(snapshot));
  return encode<wire::Snapshot>(FrameKind::kSnapshot, snapshot);
}

Result<Snapshot> decode_snapshot(std::string_view bytes) {
  return checked(decode<wire::Snapshot>(FrameKind::kSnapshot, bytes));
}

SnapshotId snapshot_id(std::string_view canonical_bytes) { return {sha256(canonical_bytes)}; }

Result<std::string> encode_revision(const Revision& revision) {
  return encode<wire::Revision>(FrameKind::kRevision, revision);
}

Result<Revision> decode_revision(std::string_view bytes) {
  return decode<wire::Revision>(FrameKind::kRevision, bytes);
}

Result<std::string> encode_history_entry(const HistoryEntry& entry) {
  return encode<wire::HistoryEntry>(FrameKind::kHistoryEntry, entry);
}

Result<HistoryEntry> decode_history_entry(std::string_view bytes) {
  return decode<wire::HistoryEntry>(FrameKind::kHistoryEntry, bytes);
}

Result<std::string> encode_run(const RunRecord& run) {
  return encode<wire::Run>(FrameKind::kRun, run);
}

Result<RunRecord> decode_run(std::string_view bytes) {
  return decode<wire::Run>(FrameKind::kRun, bytes);
}

Result<std::string> encode_deploy(const Deploy& deploy) {
  return encode<wire::Deploy>(FrameKind::kDeploy, deploy);
}

Result<Deploy> decode_deploy(std::string_view bytes) {
  return decode<wire::Deploy>(FrameKind::kDeploy, bytes);
}

Result<std::string> encode_run_event(const RunEvent& event) {
  return encode<wire::RunEvent>(FrameKind::kRunEvent, event);
}

Result<RunEvent> decode_run_event(std::string_view bytes) {
  return decode<wire::RunEvent>(FrameKind::kRunEvent, bytes);
}

Result<std::string> encode_rollout(const RolloutRecord& rollout) {
  return encode<wire::Rollout>(FrameKind::kRollout, rollout);
}

Result<RolloutRecord> decode_rollout(std::string_view bytes) {
  return decode<wire::Rollout>(FrameKind::kRollout, bytes);
}

Result<std::string> encode_rollout_host(const RolloutHost& host) {
  return encode<wire::RolloutHost>(FrameKind::kRolloutHost, host);
}

Result<RolloutHost> decode_rollout_host(std::string_view bytes) {
  return decode<wire::RolloutHost>(FrameKind::kRolloutHost, bytes);
}

Result<std::string> encode_host(const HostRecord& host) {
  return encode<wire::Host>(FrameKind::kHost, host);
}

Result<HostRecord> decode_host(std::string_view bytes) {
  return decode<wire::Host>(FrameKind::kHost, bytes);
}

}  // namespace rollback
