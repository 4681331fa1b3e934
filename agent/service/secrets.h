// SPDX-License-Identifier: Apache-2.0
// Which paths and contents of two states must not be shown. A path is secret when a `secret`
// pattern of its resource means it or a directory above it, or its resource is not configured now;
// a content is secret when it is that of a secret path on either side, wherever else it lies
// (moved, copied or linked). Pure.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/options.h"
#include "model/snapshot.h"

namespace rollback {

class Secrets {
 public:
  // `specs` must stay while this is used.
  Secrets(const std::vector<ResourceSpec>& specs, const HostState& from, const HostState& to);

  [[nodiscard]] bool is_secret(const std::string& path) const;
  // Of a file of either state, by path or by content.
  [[nodiscard]] bool is_secret(const std::string& path, const Node& node) const;
  // Leaves of a node at a secret path what may be shown: of where a symlink leads the hash, as its
  // `content`, and of extended attributes the names.
  void conceal(const std::string& path, Node& node) const;

 private:
  struct Root {
    const std::vector<std::string>* patterns;  // nullptr: everything below is meant
    std::string path;                          // what patterns with a '/' in them are relative to
  };
  void add_unknown(const std::vector<ResourceSpec>& specs, const HostState& state);
  void add_roots(const ResourceSpec& spec, const HostState& state);

  std::vector<Root> roots_;
  std::unordered_set<Digest> contents_;
};

}  // namespace rollback
