// SPDX-License-Identifier: Apache-2.0
// Two states of a host, compared path by path. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/snapshot.h"

namespace rollback {

struct PathChange {
  std::string path;
  std::string change;                    // "added", "removed", "changed"
  std::vector<std::string> differences;  // of "changed": see model/tree.h
  bool operator==(const PathChange&) const = default;
};

// In path order; what only mtimes or owner numbers distinguish is no change, and a directory that
// differs only in what is below it is left out. Units whose activity or enablement differs come
// last, as "unit NAME", then services that run on one side only, as "service RESOURCE/NAME".
std::vector<PathChange> compare_states(const HostState& from, const HostState& to);
// Facts that differ, which make no other release, as "fact KIND/RESOURCE NAME", those of
// the host as "fact NAME".
std::vector<PathChange> compare_facts(const Snapshot& from, const Snapshot& to);

}  // namespace rollback
