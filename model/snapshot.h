// SPDX-License-Identifier: Apache-2.0
// The immutable record of all managed resources of a host. Its canonical bytes (protocol/records.h)
// hold no time, host name or volatile fact; their SHA-256 is its id.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ids.h"
#include "model/tree.h"

namespace rollback {

enum class ResourceKind { kNginx = 1, kSystemd = 2, kBinary = 3, kFiles = 4, kCompose = 5 };
std::string_view to_string(ResourceKind kind) noexcept;
Result<ResourceKind> parse_resource_kind(std::string_view text);

// A path a resource owns. `node` is absent where nothing was there: rolling back removes what a
// newer release put there.
struct ManagedPath {
  std::string path;  // absolute, canonical
  std::optional<Node> node;
  bool operator==(const ManagedPath&) const = default;
};

// A systemd unit as the release has it.
struct UnitState {
  std::string name;        // "shop.service"
  bool active = false;     // active, reloading or activating at capture
  std::string enablement;  // systemd's UnitFileState: "enabled", "disabled", "static", "masked"
  std::string fragment;    // FragmentPath; vendor units live under /lib and are only recorded
  std::vector<std::string> uses;  // absolute paths in its Exec and EnvironmentFile lines, sorted
  bool operator==(const UnitState&) const = default;
};

// Something true of the host that is recorded with the release and compared in preflight.
struct Fact {
  std::string name;  // "version", "nginx"
  std::string value;
  bool operator==(const Fact&) const = default;
};

struct ResourceSnapshot {
  ResourceKind kind = ResourceKind::kFiles;
  std::string name;                     // unique on the host together with kind
  std::vector<ManagedPath> paths;       // sorted by path; no path within another
  std::vector<UnitState> units;         // sorted by name
  std::vector<Fact> facts;              // sorted by name; not part of the content root
  std::vector<std::string> services{};  // of a compose project, those that run; sorted
  bool operator==(const ResourceSnapshot&) const = default;
};

// Names of one file. Sorted; groups sorted by their first name.
using HardLinkGroup = std::vector<std::string>;

struct Snapshot {
  std::vector<ResourceSnapshot> resources;  // sorted by (kind, name)
  std::vector<HardLinkGroup> hard_links;
  std::vector<Fact> facts{};  // of the host, sorted by name; not part of the content root
  bool operator==(const Snapshot&) const = default;
};

// What in a managed directory is listed and no more. Only a capture knows which of the two it is; a
// record holds the names.
enum class LeftOut { kListed = 1, kSpecial = 2, kMountPoint = 3 };
std::string_view to_string(LeftOut kind) noexcept;  // "a mount point"

// A snapshot read from a host or a store together with what is below its directories.
// Live state and releases are both of this form, so that they compare by one function.
struct HostState {
  Snapshot snapshot;
  SnapshotId id;
  Digest content_root;
  Manifest manifest;                        // every managed path and all below
  std::map<std::string, LeftOut> left_out;  // absolute paths below managed ones
};

// One line for each of them, for people; after `limit` lines one that says how many more there are.
std::vector<std::string> left_out_lines(const HostState& state, std::size_t limit = 20);

}  // namespace rollback
