// SPDX-License-Identifier: Apache-2.0
// What each revision takes of the store, and all of them together. Every tree and content that a
// revision refers to is looked at once, however many refer to it, and one at a time, so that who
// counts can do something else in between. Holds about 100 bytes for each of them. One thread.
//
// Bytes that are stored are those of the values in the store: compressed, once for each content.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/store/database.h"
#include "agent/store/snapshot_store.h"

namespace rollback {

struct RevisionSize {
  std::string revision;
  std::uint64_t files = 0;
  std::uint64_t logical = 0;  // bytes of its files
  std::uint64_t stored = 0;
  std::uint64_t unique = 0;  // of `stored`, what no other revision refers to
};

struct StoreSize {
  std::uint64_t logical = 0;   // of all revisions
  std::uint64_t distinct = 0;  // of them, each content once, before compression
  std::uint64_t stored = 0;
  std::uint64_t contents = 0;
  std::uint64_t trees = 0;
  std::uint64_t damaged = 0;  // could not be read and are not counted
};

class StoreCount {
 public:
  explicit StoreCount(const Database& database) : database_(database) {}

  // Before the first step.
  void add(const RevisionName& name, const SnapshotId& id, const Snapshot& snapshot);
  // Looks at one tree or content more; false when nothing is left.
  Result<bool> step();
  [[nodiscard]] std::uint64_t looked_at() const noexcept { return next_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }  // that were looked at

  struct Sizes {
    std::vector<RevisionSize> revisions;  // in the order of add()
    StoreSize store;
  };
  // When no step is left; once.
  Sizes sizes();

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;
  enum Kind : std::uint8_t { kTree, kContent, kSnapshot };
  struct Object {
    Kind kind = kContent;
    bool shared = false;       // more than one revision refers to it
    std::uint32_t stored = 0;  // bytes of its value
    std::uint32_t round = 0;   // in which it was visited last
    Index parts = kNone;
    std::uint64_t plain = 0;  // bytes of content that it holds itself
  };
  // What a snapshot, a tree or a list of chunks refers to.
  struct Parts {
    std::vector<Index> objects;  // each once
    std::uint64_t files = 0;     // named here; by sum_files() also those below
    std::uint64_t bytes = 0;
    bool summed = false;
    std::vector<Index> trees;  // each as often as it is named
  };

  Index find_or_add(Kind kind, const Digest& digest);
  void add_node(const Node& node, Parts& parts);
  Status look_at(Index index);
  void look_at_tree(Index index, const Digest& digest, std::string_view value);
  void look_at_content(Index index, const Digest& digest, std::string_view value);
  void sum_files(Index root);
  // Every object that `root` refers to, itself included, once.
  void visit(Index root, const std::function<void(Object&)>& use);

  const Database& database_;
  std::array<std::unordered_map<Digest, Index>, 3> numbers_;  // by kind
  std::vector<Object> objects_;
  std::vector<Digest> digests_;  // of objects_
  std::vector<Parts> parts_;
  std::vector<std::pair<std::string, Index>> roots_;  // revision, its snapshot
  std::size_t next_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t damaged_ = 0;
  std::uint32_t round_ = 0;
};

}  // namespace rollback
