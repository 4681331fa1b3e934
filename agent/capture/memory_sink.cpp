// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/memory_sink.h"

#include "protocol/records.h"

namespace rollback {

namespace {

std::size_t size_of(const CaptureMemory& memory) {
  std::size_t bytes = 0;
  for (const auto& [id, tree] : memory.trees) bytes += tree.size();
  for (const auto& [path, row] : memory.seen) bytes += path.size() + row.size();
  return bytes;
}

}  // namespace

void CaptureMemory::bound(std::size_t most) {
  if (size_of(*this) <= most) return;
  trees.clear();
  seen.clear();
}

Status MemorySink::put_tree(Tree, const Digest& id, std::string bytes) {
  if (!memory_.closed) memory_.trees.emplace(id, std::move(bytes));
  return {};
}

std::optional<SeenDirectory> MemorySink::find_seen(const std::string& path) {
  const auto row = memory_.seen.find(path);
  if (row == memory_.seen.end()) return std::nullopt;
  auto stored = decode_seen(row->second);
  if (!stored) return std::nullopt;
  return std::move(stored->seen);
}

std::optional<Tree> MemorySink::find_tree(const Digest& id) {
  const auto bytes = memory_.trees.find(id);
  if (bytes == memory_.trees.end()) return std::nullopt;
  auto tree = decode_tree(bytes->second);
  if (!tree) return std::nullopt;
  return *std::move(tree);
}

void MemorySink::saw(ScanCache::Row row) {
  if (!memory_.closed) memory_.seen.insert_or_assign(std::move(row.path), encode_seen(row.seen, 0));
}

}  // namespace rollback
