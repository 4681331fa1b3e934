// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace rollback {

namespace {

using Units = std::map<std::string, const UnitState*>;

Units units_of(const HostState& state) {
  Units units;
  for (const auto& resource : state.snapshot.resources)
    for (const auto& unit : resource.units) units.emplace(unit.name, &unit);
  return units;
}

// "service queue/web" of those that run.
std::set<std::string> services_of(const HostState& state) {
  std::set<std::string> services;
  for (const auto& resource : state.snapshot.resources)
    for (const auto& service : resource.services)
      services.insert(fmt::format("service {}/{}", resource.name, service));
  return services;
}

std::string said(bool active) { return active ? "active" : "inactive"; }

std::vector<std::string> unit_differences(const UnitState& from, const UnitState& to) {
  std::vector<std::string> found;
  if (from.active != to.active) found.push_back(said(from.active) + " -> " + said(to.active));
  if (from.enablement != to.enablement) found.push_back(from.enablement + " -> " + to.enablement);
  return found;
}

void compare_paths(const Manifest& from, const Manifest& to, std::vector<PathChange>& changes) {
  auto a = from.begin();
  auto b = to.begin();
  while (a != from.end() || b != to.end()) {
    if (b == to.end() || (a != from.end() && a->first < b->first)) {
      changes.push_back({a++->first, "removed", {}});
    } else if (a == from.end() || b->first < a->first) {
      changes.push_back({b++->first, "added", {}});
    } else {
      if (!same_content(a->second, b->second))
        if (auto found = differences(a->second, b->second); !found.empty())
          changes.push_back({a->first, "changed", std::move(found)});
      ++a;
      ++b;
    }
  }
}

// A directory that differs only in what is below it: what differs there says so.
void drop_implied(std::vector<PathChange>& changes) {
  std::set<std::string> above;
  for (const auto& change : changes)
    for (auto end = change.path.rfind('/'); end != 0; end = change.path.rfind('/', end - 1))
      above.insert(change.path.substr(0, end));
  std::erase_if(changes, [&](const PathChange& change) {
    return change.differences == std::vector<std::string>{"content"} && above.contains(change.path);
  });
}

std::map<std::string, std::string> facts_of(const Snapshot& snapshot) {
  std::map<std::string, std::string> facts;
  for (const auto& resource : snapshot.resources)
    for (const auto& fact : resource.facts)
      facts.emplace(
          fmt::format("fact {}/{} {}", to_string(resource.kind), resource.name, fact.name),
          fact.value);
  for (const auto& fact : snapshot.facts) facts.emplace("fact " + fact.name, fact.value);
  return facts;
}

// Every path of a hard-link group -> all names of the group.
std::map<std::string, std::string> links_of(const HostState& state) {
  std::map<std::string, std::string> links;
  for (const auto& group : state.snapshot.hard_links)
    for (const auto& path : group) links[path] = fmt::format("{}", fmt::join(group, "\n"));
  return links;
}

// Which names are one file is content too, though each of them looks the same.
void compare_links(const HostState& from, const HostState& to, std::vector<PathChange>& changes) {
  const auto before = links_of(from);
  const auto after = links_of(to);
  std::set<std::string> changed;
  for (const auto& [path, group] : before)
    if (const auto other = after.find(path); other == after.end() || other->second != group)
      changed.insert(path);
  for (const auto& [path, group] : after)
    if (!before.contains(path)) changed.insert(path);
  for (const auto& path : changed) {
    if (!from.manifest.contains(path) || !to.manifest.contains(path)) continue;
    const auto at = std::lower_bound(
        changes.begin(), changes.end(), path,
        [](const PathChange& change, const std::string& p) { return change.path < p; });
    if (at != changes.end() && at->path == path)
      at->differences.push_back("hard links");
    else
      changes.insert(at, {path, "changed", {"hard links"}});
  }
}

}  // namespace

std::vector<PathChange> compare_states(const HostState& from, const HostState& to) {
  std::vector<PathChange> changes;
  compare_paths(from.manifest, to.manifest, changes);
  compare_links(from, to, changes);
  drop_implied(changes);
  const Units before = units_of(from);
  const Units after = units_of(to);
  for (const auto& [name, unit] : before) {
    const auto other = after.find(name);
    if (other == after.end()) {
      changes.push_back({"unit " + name, "removed", {}});
    } else if (auto found = unit_differences(*unit, *other->second); !found.empty()) {
      changes.push_back({"unit " + name, "changed", std::move(found)});
    }
  }
  for (const auto& [name, unit] : after)
    if (!before.contains(name)) changes.push_back({"unit " + name, "added", {}});
  const auto services_before = services_of(from);
  const auto services_after = services_of(to);
  for (const auto& name : services_before)
    if (!services_after.contains(name)) changes.push_back({name, "removed", {}});
  for (const auto& name : services_after)
    if (!services_before.contains(name)) changes.push_back({name, "added", {}});
  return changes;
}

std::vector<PathChange> compare_facts(const Snapshot& from, const Snapshot& to) {
  std::vector<PathChange> changes;
  const auto before = facts_of(from);
  const auto after = facts_of(to);
  for (const auto& [name, value] : before) {
    const auto other = after.find(name);
    if (other == after.end())
      changes.push_back({name, "removed", {}});
    else if (other->second != value)
      changes.push_back({name, "changed", {value + " -> " + other->second}});
  }
  for (const auto& [name, value] : after)
    if (!before.contains(name)) changes.push_back({name, "added", {}});
  return changes;
}

}  // namespace rollback
