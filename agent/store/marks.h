// SPDX-License-Identifier: Apache-2.0
// Which stored objects snapshots refer to. About 24 bytes an object: each is known by the first 8
// bytes of its hash, so that of two with the same both count as referred to, which is harmless.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/store/snapshot_store.h"

namespace rollback {

// Hashes, each with the number of who had it first.
class MarkSet {
 public:
  // False when somebody has it.
  bool add(std::string_view hash, std::uint32_t owner);
  [[nodiscard]] std::optional<std::uint32_t> owner(std::string_view hash) const;

 private:
  [[nodiscard]] std::size_t slot(std::uint64_t key) const;
  void grow();

  std::vector<std::uint64_t> keys_;  // 0: free
  std::vector<std::uint32_t> owners_;
  std::size_t used_ = 0;
};

// One of `count` equal parts of all hashes: marks of a part at a time bound the memory.
struct HashPart {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
  [[nodiscard]] bool contains(std::string_view hash) const;
  [[nodiscard]] std::string first() const;  // where its keys begin
};

// Marks all that snapshots refer to: snapshots and trees, and the contents and chunks of `part`.
class Marker {
 public:
  Marker(const SnapshotStore& snapshots, const BlobStore& blobs, HashPart part)
      : snapshots_(snapshots), blobs_(blobs), part_(part) {}

  // What nobody was marked with before becomes `owner`'s. kCorrupt or kNotFound when something of
  // it cannot be read; what was found until then is marked.
  Status mark(const SnapshotId& snapshot, std::uint32_t owner);
  // Of Table::kSnapshots, kTrees, kBlobs.
  [[nodiscard]] const MarkSet& of(Table table) const;

 private:
  Status mark_node(const Node& node, std::uint32_t owner);
  Status mark_content(const Node& file, std::uint32_t owner);

  const SnapshotStore& snapshots_;
  const BlobStore& blobs_;
  const HashPart part_;
  MarkSet marked_snapshots_;
  MarkSet trees_;
  MarkSet contents_;
  MarkSet lists_;  // of chunks: read once also where their own hash is of another part
};

}  // namespace rollback
