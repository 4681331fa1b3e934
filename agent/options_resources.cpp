// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "agent/grammar.h"
#include "agent/layout.h"
#include "agent/options_parts.h"
#include "model/tree.h"

namespace rollback::options {

namespace {

constexpr std::string_view kDefaultPrefix = "/etc/nginx";

Status check_managed(std::string_view path) {
  ROLLBACK_TRY(check_managed_path(path));
  if (is_within(path, kUnitDirectory))
    return fail(ErrorCode::kInvalid, "'" + std::string(path) + "' is below " +
                                         std::string(kUnitDirectory) +
                                         ", which belongs to resources of kind systemd");
  return {};
}

Status check_absolute(std::string_view path) {
  if (is_canonical_path(path)) return {};
  return fail(ErrorCode::kInvalid, "'" + std::string(path) + "' is not a canonical absolute path");
}

Status expect_keys_of(const YamlNode& map, ResourceKind kind) {
  switch (kind) {
    case ResourceKind::kNginx:
      return map.expect_keys({"kind", "name", "prefix", "exclude", "secret", "allow_setuid",
                              "mounts", "restart_on", "reload_on", "git"});
    case ResourceKind::kSystemd:
      return map.expect_keys({"kind", "name", "units", "exclude", "secret", "git"});
    case ResourceKind::kBinary:
      return map.expect_keys({"kind", "name", "paths", "version", "exclude", "secret",
                              "allow_setuid", "mounts", "restart", "restart_on", "reload_on",
                              "git"});
    case ResourceKind::kFiles:
      return map.expect_keys({"kind", "name", "paths", "exclude", "secret", "allow_setuid",
                              "mounts", "restart_on", "reload_on", "git"});
    case ResourceKind::kCompose:
      return map.expect_keys(
          {"kind", "name", "project_dir", "secret", "restart_on", "reload_on", "git"});
  }
  return map.invalid("this kind of resource is not known");
}

Result<std::vector<std::string>> required_list(const YamlNode& map, std::string_view key,
                                               Check check) {
  ROLLBACK_ASSIGN(const auto node, map.at(key));
  ROLLBACK_ASSIGN(auto list, checked_list(node, check));
  if (list.empty()) return node.invalid("at least one entry is needed here");
  std::sort(list.begin(), list.end());
  return list;
}

// What the resource is about, and the name it has when none is given.
Status parse_subject(const YamlNode& map, ResourceSpec& spec) {
  switch (spec.kind) {
    case ResourceKind::kNginx: {
      ROLLBACK_ASSIGN(const auto prefix, find_text(map, "prefix", check_managed));
      spec.paths = {prefix.value_or(std::string(kDefaultPrefix))};
      spec.name = "nginx";
      return {};
    }
    case ResourceKind::kSystemd: {
      ROLLBACK_ASSIGN(const auto units, map.at("units"));
      ROLLBACK_ASSIGN(spec.units, checked_list(units, check_unit_name));
      if (spec.units.empty()) return units.invalid("at least one unit is needed here");
      spec.name = spec.units.front();
      return {};
    }
    case ResourceKind::kCompose: {
      ROLLBACK_ASSIGN(const auto directory, map.at("project_dir"));
      ROLLBACK_ASSIGN(const auto path, checked(directory, check_managed));
      spec.paths = {path};
      spec.name = path.substr(path.rfind('/') + 1);
      if (!map.has("name") && !check_name(spec.name))
        return directory.invalid("'" + spec.name + "' is no name of a resource; add 'name'");
      return {};
    }
    case ResourceKind::kBinary:
    case ResourceKind::kFiles: {
      ROLLBACK_ASSIGN(spec.paths, required_list(map, "paths", check_managed));
      ROLLBACK_ASSIGN(const auto name, map.at("name"));
      ROLLBACK_ASSIGN(spec.name, checked(name, check_name));
      return {};
    }
  }
  return {};
}

// Exact paths that lie in what the resource manages.
Result<std::vector<std::string>> own_paths(const YamlNode& map, std::string_view key,
                                           const ResourceSpec& spec) {
  ROLLBACK_ASSIGN(const auto node, map.find(key));
  if (!node) return std::vector<std::string>{};
  ROLLBACK_ASSIGN(const auto items, node->items());
  ROLLBACK_ASSIGN(auto paths, checked_list(*node, check_absolute));
  for (std::size_t i = 0; i < items.size(); ++i)
    if (std::none_of(spec.paths.begin(), spec.paths.end(),
                     [&](const auto& managed) { return is_within(paths[i], managed); }))
      return items[i].invalid("'" + paths[i] + "' is not in a path of this resource");
  return paths;
}

Status parse_rules(const YamlNode& map, ResourceSpec& spec) {
  ROLLBACK_ASSIGN(spec.exclude, find_list(map, "exclude", check_glob));
  ROLLBACK_ASSIGN(spec.secret, find_list(map, "secret", check_glob));
  ROLLBACK_ASSIGN(spec.allow_setuid, own_paths(map, "allow_setuid", spec));
  ROLLBACK_ASSIGN(spec.mounts, own_paths(map, "mounts", spec));
  return {};
}

Status parse_effects(const YamlNode& map, ResourceSpec& spec) {
  ROLLBACK_ASSIGN(const auto restart, map.find("restart"));
  if (restart && map.has("restart_on"))
    return restart->invalid("'restart' and 'restart_on' mean the same here; keep one of them");
  ROLLBACK_ASSIGN(spec.restart_on,
                  find_list(map, restart ? "restart" : "restart_on", check_unit_name));
  ROLLBACK_ASSIGN(spec.reload_on, find_list(map, "reload_on", check_unit_name));
  for (const auto& unit : spec.reload_on)
    if (std::find(spec.restart_on.begin(), spec.restart_on.end(), unit) != spec.restart_on.end())
      return map.invalid("'" + unit + "' is both restarted and reloaded; keep one of them");
  ROLLBACK_ASSIGN(const auto version, map.find("version"));
  if (version) {
    ROLLBACK_ASSIGN(spec.version, argv_of(*version));
  }
  return {};
}

Result<ResourceSpec> resource_of(const YamlNode& map) {
  ROLLBACK_ASSIGN(const auto kind_node, map.at("kind"));
  ROLLBACK_ASSIGN(const auto kind_name, kind_node.as_string());
  const auto kind = parse_resource_kind(kind_name);
  if (!kind)
    return kind_node.invalid("'" + kind_name +
                             "' is no kind of resource; the kinds are nginx, systemd, binary, "
                             "files and compose");
  ResourceSpec spec;
  spec.kind = *kind;
  spec.where = map.where();
  ROLLBACK_TRY(expect_keys_of(map, spec.kind));
  ROLLBACK_TRY(refuse_unsupported(map, {"git"}));
  ROLLBACK_TRY(parse_subject(map, spec));
  ROLLBACK_ASSIGN(const auto name, find_text(map, "name", check_name));
  if (name) spec.name = *name;
  ROLLBACK_TRY(parse_rules(map, spec));
  ROLLBACK_TRY(parse_effects(map, spec));
  return spec;
}

// Every path that the resource owns by its configuration alone.
std::vector<std::string> claims_of(const ResourceSpec& spec) {
  if (spec.kind != ResourceKind::kSystemd) return spec.paths;
  std::vector<std::string> claims;
  for (const auto& unit : spec.units)
    for (const auto& path : unit_paths(unit)) claims.push_back(path);
  std::sort(claims.begin(), claims.end());  // two instances share their template
  claims.erase(std::unique(claims.begin(), claims.end()), claims.end());
  return claims;
}

// A compose project owns some files of its directory, not the directory: what lies in it may belong
// to others.
bool is_beside_project(const ResourceSpec& project, const std::string& path) {
  const auto own = compose_candidates(project.paths.front());
  return project.kind == ResourceKind::kCompose && path != project.paths.front() &&
         is_within(path, project.paths.front()) &&
         std::find(own.begin(), own.end(), path) == own.end();
}

struct Claim {
  std::string path;
  const ResourceSpec* owner;
};

Status check_claim(const YamlNode& node, const Claim& claim, const std::vector<Claim>& others) {
  for (const auto& other : others) {
    if (!is_within(claim.path, other.path) && !is_within(other.path, claim.path)) continue;
    if (other.owner->kind == ResourceKind::kCompose && is_beside_project(*other.owner, claim.path))
      continue;
    if (claim.owner->kind == ResourceKind::kCompose && is_beside_project(*claim.owner, other.path))
      continue;
    return node.invalid(claim.path + " overlaps " + other.path + " of " +
                        std::string(to_string(other.owner->kind)) + "/" + other.owner->name + " (" +
                        other.owner->where + "); one path belongs to one resource");
  }
  return {};
}

Status check_overlaps(const std::vector<YamlNode>& nodes, const std::vector<ResourceSpec>& specs) {
  std::vector<Claim> claims;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    for (const auto& path : claims_of(specs[i])) {
      const Claim claim{path, &specs[i]};
      ROLLBACK_TRY(check_claim(nodes[i], claim, claims));
      claims.push_back(claim);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<ResourceSpec>> resources_of(const YamlNode& list) {
  ROLLBACK_ASSIGN(const auto items, list.items());
  std::vector<ResourceSpec> specs;
  std::map<std::pair<ResourceKind, std::string>, std::string> names;
  for (const auto& item : items) {
    ROLLBACK_ASSIGN(auto spec, resource_of(item));
    const auto [found, fresh] = names.emplace(std::pair(spec.kind, spec.name), spec.where);
    if (!fresh)
      return item.invalid("there is already a resource " + std::string(to_string(spec.kind)) + "/" +
                          spec.name + " (" + found->second + "); give this one another name");
    specs.push_back(std::move(spec));
  }
  ROLLBACK_TRY(check_overlaps(items, specs));
  return specs;
}

}  // namespace rollback::options
