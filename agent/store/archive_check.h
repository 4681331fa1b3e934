// SPDX-License-Identifier: Apache-2.0
// What the records of one archive say of each other: everything that is named came before and is
// what its namer says, everything that came is named, nothing unfolds beyond what a host can have.
// Holds some 60 bytes for each content and tree.
#pragma once

#include <string>
#include <unordered_map>

#include "agent/store/archive_format.h"
#include "model/snapshot.h"

namespace rollback {

class ArchiveCheck {
 public:
  // kCorrupt when one of the same id came before, or when what it names did not.
  Status add_content(const Digest& id, std::string_view packed);
  Status add_chunk_list(const Digest& id, std::string_view packed);
  Status add_tree(const Digest& id, const Tree& tree);
  // Names the first trees and contents; last.
  Status add_snapshot(const Snapshot& snapshot);
  // Nothing came that nobody named.
  [[nodiscard]] Status everything_is_named() const;

 private:
  struct Content {
    std::uint64_t size = 0;
    bool is_list = false;
    bool named = false;
  };
  struct Below {  // at and below a node
    std::uint64_t paths = 1;
    std::uint32_t depth = 1;  // longest chain of names
  };
  struct Directory {
    Digest root;  // its content root
    Below below;
    bool named = false;
  };
  Result<Below> name_node(const Node& node);
  static Status add(Below& all, const Below& more);

  std::unordered_map<Digest, Content> contents_;
  std::unordered_map<Digest, Directory> trees_;
};

}  // namespace rollback
