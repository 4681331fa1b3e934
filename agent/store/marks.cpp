// SPDX-License-Identifier: Apache-2.0
#include "agent/store/marks.h"

#include <algorithm>

#include "agent/store/keys.h"

namespace rollback {
namespace {

constexpr std::size_t kLeast = 1024;  // slots; always a power of two

std::uint64_t key_of(std::string_view hash) {
  return std::max<std::uint64_t>(1, key_number(hash.substr(0, 8)));
}

}  // namespace

std::size_t MarkSet::slot(std::uint64_t key) const {
  const std::size_t mask = keys_.size() - 1;
  std::size_t at = (key * 0x9e3779b97f4a7c15ULL >> 20U) & mask;
  while (keys_[at] != 0 && keys_[at] != key) at = (at + 1) & mask;
  return at;
}

void MarkSet::grow() {
  MarkSet larger;
  larger.keys_.resize(std::max(kLeast, keys_.size() * 2));
  larger.owners_.resize(larger.keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i] == 0) continue;
    const std::size_t at = larger.slot(keys_[i]);
    larger.keys_[at] = keys_[i];
    larger.owners_[at] = owners_[i];
  }
  larger.used_ = used_;
  *this = std::move(larger);
}

bool MarkSet::add(std::string_view hash, std::uint32_t owner) {
  if (used_ >= keys_.size() / 4 * 3) grow();
  const std::uint64_t key = key_of(hash);
  const std::size_t at = slot(key);
  if (keys_[at] == key) return false;
  keys_[at] = key;
  owners_[at] = owner;
  ++used_;
  return true;
}

std::optional<std::uint32_t> MarkSet::owner(std::string_view hash) const {
  if (keys_.empty() || hash.size() < 8) return std::nullopt;
  const std::uint64_t key = key_of(hash);
  const std::size_t at = slot(key);
  if (keys_[at] != key) return std::nullopt;
  return owners_[at];
}

bool HashPart::contains(std::string_view hash) const {
  return hash.size() >= 8 && (key_number(hash.substr(0, 8)) >> 32U) * count >> 32U == index;
}

std::string HashPart::first() const {
  if (index == 0) return {};
  return number_key(((std::uint64_t{index} << 32U) + count - 1) / count << 32U);
}

Status Marker::mark(const SnapshotId& snapshot, std::uint32_t owner) {
  if (!marked_snapshots_.add(snapshot.digest.view(), owner)) return {};
  ROLLBACK_ASSIGN(const Snapshot loaded, snapshots_.load_snapshot(snapshot));
  Status outcome;
  for (const auto& resource : loaded.resources)
    for (const auto& managed : resource.paths)
      if (managed.node)
        if (auto status = mark_node(*managed.node, owner); !status) outcome = std::move(status);
  return outcome;
}

const MarkSet& Marker::of(Table table) const {
  return table == Table::kSnapshots ? marked_snapshots_
         : table == Table::kTrees   ? trees_
                                    : contents_;
}

Status Marker::mark_node(const Node& node, std::uint32_t owner) {
  if (node.kind == NodeKind::kFile) return mark_content(node, owner);
  if (node.kind != NodeKind::kDirectory || !trees_.add(node.content.view(), owner)) return {};
  ROLLBACK_ASSIGN(const Tree tree, snapshots_.load_tree(node.content));
  Status outcome;
  for (const auto& entry : tree.entries)
    if (auto status = mark_node(entry.node, owner); !status) outcome = std::move(status);
  return outcome;
}

Status Marker::mark_content(const Node& file, std::uint32_t owner) {
  const auto hash = file.content.view();
  if (part_.contains(hash)) contents_.add(hash, owner);
  if (file.size < kChunkedSize || !lists_.add(hash, owner)) return {};
  const auto chunks = blobs_.chunks(file.content);
  if (!chunks) return Failure(chunks.error());
  for (const auto& chunk : *chunks)
    if (part_.contains(chunk.digest.view())) contents_.add(chunk.digest.view(), owner);
  return {};
}

}  // namespace rollback
