// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/drift.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace rollback {

namespace {

const Node* find(const Manifest& manifest, const std::string& path) {
  const auto found = manifest.find(path);
  return found == manifest.end() ? nullptr : &found->second;
}

std::string above(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Whether one of `paths` is `path` or one of its parents.
template <typename Paths>
bool covers(const Paths& paths, std::string path) {
  for (; !path.empty(); path = above(path))
    if (paths.contains(path)) return true;
  return false;
}

bool is_same(const Node* live, const Node* recorded) {
  if (live == nullptr || recorded == nullptr) return live == recorded;
  if (live->kind != NodeKind::kDirectory) return same_content(*live, *recorded);
  Node same_below = *recorded;  // what a directory holds has steps of its own
  same_below.root = live->root;
  return same_content(*live, same_below);
}

// Which names are one file.
class Links {
 public:
  explicit Links(const Snapshot& snapshot) {
    for (const auto& group : snapshot.hard_links)
      for (const auto& name : group) group_.emplace(name, &group);
  }
  [[nodiscard]] bool are_same(const Links& other, const std::string& path) const {
    const auto* const a = of(path);
    const auto* const b = other.of(path);
    return a == nullptr || b == nullptr ? a == b : *a == *b;
  }

 private:
  [[nodiscard]] const HardLinkGroup* of(const std::string& path) const {
    const auto found = group_.find(path);
    return found == group_.end() ? nullptr : found->second;
  }
  std::unordered_map<std::string_view, const HardLinkGroup*> group_;
};

class Keeper {
 public:
  Keeper(HostState& target, const HostState& live) : target_(target), live_(live) {}

  void keep(const std::string& path) {
    const Node* node = find(live_.manifest, path);
    if (node != nullptr) keep_parents(path);
    put(path, node);
    // Nothing can be below what is no directory.
    if (node == nullptr || node->kind != NodeKind::kDirectory) drop_below(path);
  }

  std::set<std::string> finish() {
    // A name that stays is no link to one that does not.
    for (auto& group : target_.snapshot.hard_links)
      std::erase_if(group, [&](const auto& name) { return kept_.contains(name); });
    for (const auto& group : live_.snapshot.hard_links) {
      HardLinkGroup stays;
      for (const auto& name : group)
        if (kept_.contains(name)) stays.push_back(name);
      target_.snapshot.hard_links.push_back(std::move(stays));
    }
    std::erase_if(target_.snapshot.hard_links, [](const auto& group) { return group.size() < 2; });
    std::sort(target_.snapshot.hard_links.begin(), target_.snapshot.hard_links.end());
    return std::move(kept_);
  }

 private:
  void put(const std::string& path, const Node* node) {
    kept_.insert(path);
    if (node == nullptr)
      target_.manifest.erase(path);
    else
      target_.manifest[path] = *node;
  }

  void keep_parents(const std::string& path) {
    for (auto parent = above(path); !parent.empty(); parent = above(parent)) {
      const Node* live = find(live_.manifest, parent);
      const Node* target = find(target_.manifest, parent);
      if (live == nullptr) return;  // not managed, and neither is what is above
      if (target == nullptr || target->kind != NodeKind::kDirectory) put(parent, live);
    }
  }

  void drop_below(const std::string& path) {
    const auto prefix = path + "/";
    for (auto at = target_.manifest.lower_bound(prefix);
         at != target_.manifest.end() && at->first.starts_with(prefix);) {
      kept_.insert(at->first);
      at = target_.manifest.erase(at);
    }
  }

  HostState& target_;
  const HostState& live_;
  std::set<std::string> kept_;
};

}  // namespace

std::vector<std::string> drifted_paths(const DriftInput& input) {
  std::set<std::string> managed;
  for (const auto& resource : input.deployed.snapshot.resources)
    for (const auto& path : resource.paths) managed.insert(path.path);
  const Links now(input.live.snapshot);
  const Links then(input.deployed.snapshot);
  std::vector<std::string> drifted;
  std::set<std::string> seen;  // what changes its kind has two steps
  for (const auto& step : input.steps) {
    if (step.phase != StepPhase::kCommit || !seen.insert(step.subject).second) continue;
    const auto& path = step.subject;
    if (!covers(managed, path) || covers(input.deployed.left_out, path)) continue;
    if (!is_same(find(input.live.manifest, path), find(input.deployed.manifest, path)) ||
        !now.are_same(then, path))
      drifted.push_back(path);
  }
  std::sort(drifted.begin(), drifted.end());
  return drifted;
}

std::set<std::string> keep_live(HostState& target, const HostState& live,
                                const std::vector<std::string>& paths) {
  Keeper keeper(target, live);
  for (const auto& path : paths) keeper.keep(path);
  return keeper.finish();
}

}  // namespace rollback
