// SPDX-License-Identifier: Apache-2.0
#include "agent/plan/file_diff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace rollback {

namespace {

const Node* find(const Manifest& manifest, const std::string& path) {
  const auto found = manifest.find(path);
  return found == manifest.end() ? nullptr : &found->second;
}

bool is_directory(const Node& node) { return node.kind == NodeKind::kDirectory; }

std::string node_differences(const Node& from, const Node& to) {
  Node same_below = to;
  same_below.root = from.root;  // what a directory holds has steps of its own
  const auto found = differences(from, is_directory(to) ? same_below : to);
  return fmt::format("{}", fmt::join(found, ", "));
}

// Names of hard links that must be written anew: their group is another in live and target, or one
// of them changes anyway (a link to a replaced file must be a link to its successor).
std::set<std::string> broken_links(const DiffInput& input) {
  const auto& live = input.live.snapshot.hard_links;
  const auto& target = input.target.snapshot.hard_links;
  const auto changes = [&](const std::string& path) {
    const Node* from = find(input.live.manifest, path);
    const Node* to = find(input.target.manifest, path);
    return from == nullptr || to == nullptr || !same_content(*from, *to);
  };
  const auto has = [](const auto& groups, const HardLinkGroup& group) {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
  };
  std::set<std::string> broken;
  for (const auto& group : target)
    if (!has(live, group) || std::any_of(group.begin(), group.end(), changes))
      broken.insert(group.begin(), group.end());
  for (const auto& group : live)
    if (!has(target, group)) broken.insert(group.begin(), group.end());
  return broken;
}

class FileDiff {
 public:
  explicit FileDiff(const DiffInput& input) : input_(input), broken_(broken_links(input)) {}

  std::vector<PlanStep> run() {
    for (const auto& [path, node] : input_.target.manifest) visit_target(path, node);
    for (const auto& [path, node] : input_.live.manifest) visit_live(path, node);
    // Children sort behind their parents, so the reverse order removes the deepest first.
    std::reverse(clear_.begin(), clear_.end());
    std::reverse(remove_.begin(), remove_.end());
    std::vector<PlanStep> steps = std::move(clear_);
    steps.reserve(steps.size() + make_.size() + metadata_.size() + write_.size() + remove_.size());
    for (auto* more : {&make_, &metadata_, &write_, &remove_})
      std::move(more->begin(), more->end(), std::back_inserter(steps));
    return steps;
  }

 private:
  void add(std::vector<PlanStep>& steps, StepAction action, const std::string& path,
           std::string why, const char* reverse) {
    auto resource = input_.owner(path);
    if (resource.empty()) return;
    steps.push_back(
        {StepPhase::kCommit, action, path, std::move(resource), std::move(why), reverse});
  }

  void visit_target(const std::string& path, const Node& to) {
    const Node* from = find(input_.live.manifest, path);
    const bool swaps_kind = from != nullptr && is_directory(*from) != is_directory(to);
    if (from == nullptr || swaps_kind) {
      const auto why = from == nullptr
                           ? std::string("not there now")
                           : "takes the place of the " + std::string(to_string(from->kind));
      if (is_directory(to))
        add(make_, StepAction::kMakeDirectory, path, why, "remove it again when it is empty");
      else
        add(write_, StepAction::kWrite, path, why, "move it back to the stage");
      return;
    }
    const auto why = node_differences(*from, to);
    if (is_directory(to)) {
      if (!why.empty())
        add(metadata_, StepAction::kDirectoryMetadata, path, why + " differs",
            "set its former owner, mode and attributes");
      return;
    }
    const bool relink = broken_.contains(path);
    if (why.empty() && !relink) return;
    add(write_, StepAction::kReplace, path,
        why.empty() ? std::string("its hard links differ") : why + " differs",
        "exchange it back from the stage");
  }

  void visit_live(const std::string& path, const Node& from) {
    const Node* to = find(input_.target.manifest, path);
    const bool swaps_kind = to != nullptr && is_directory(*to) != is_directory(from);
    if (to != nullptr && !swaps_kind) return;
    // What stands where a directory (or a file instead of a directory) is to be goes first.
    const bool in_the_way = swaps_kind || below_non_directory(path);
    const auto why = swaps_kind ? fmt::format("a {} in {}", to_string(to->kind), input_.to)
                                : input_.to + " does not have it";
    if (is_directory(from))
      add(in_the_way ? clear_ : remove_, StepAction::kRemoveDirectory, path, why,
          "make it again with its owner and mode");
    else
      add(in_the_way ? clear_ : remove_, StepAction::kRemove, path, why,
          "move it back from the stage");
  }

  bool below_non_directory(const std::string& path) const {
    for (auto slash = path.rfind('/'); slash != std::string::npos && slash != 0;
         slash = path.rfind('/', slash - 1)) {
      const Node* parent = find(input_.target.manifest, path.substr(0, slash));
      if (parent != nullptr) return !is_directory(*parent);
    }
    return false;
  }

  const DiffInput& input_;
  const std::set<std::string> broken_;
  std::vector<PlanStep> clear_, make_, metadata_, write_, remove_;
};

}  // namespace

std::vector<PlanStep> diff_files(const DiffInput& input) { return FileDiff(input).run(); }

}  // namespace rollback
