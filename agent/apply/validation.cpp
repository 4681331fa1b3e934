// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/apply/first_few.h"
#include "agent/apply/preview.h"

namespace rollback {

namespace {

// Validators of every resource that changes.
std::map<const Resource*, const ResourceSnapshot*> validated(const RunDeps& deps,
                                                             const Comparison& comparison) {
  std::set<std::string> changed;
  for (const auto& step : comparison.plan.steps) changed.insert(step.resource);
  std::map<const Resource*, const ResourceSnapshot*> found;
  for (const auto& target : comparison.target.snapshot.resources) {
    if (!changed.contains(fmt::format("{}/{}", to_string(target.kind), target.name))) continue;
    for (const auto& resource : deps.resources)
      if (resource->spec().kind == target.kind && resource->spec().name == target.name)
        found.emplace(resource.get(), &target);
  }
  return found;
}

class Validation {
 public:
  explicit Validation(const ValidationInput& input) : input_(input) {}

  Status run() {
    const auto all = validated(input_.deps, input_.comparison);
    for (const auto& resource : input_.deps.resources) {  // in the order of the configuration
      const auto found = all.find(resource.get());
      if (found == all.end()) continue;
      ROLLBACK_ASSIGN(const auto mounts, previews_for(*resource, *found->second));
      if (!mounts.empty()) ROLLBACK_TRY(judge(*resource, *found->second, mounts));
      ROLLBACK_ASSIGN(const auto doubts, resource->require_for(*found->second, mounts));
      for (const auto& doubt : doubts) input_.log.warn(doubt);
    }
    return {};
  }

 private:
  // None where no file changes: what is live is valid or not without this run.
  Result<std::vector<PreviewMount>> previews_for(const Resource& resource,
                                                 const ResourceSnapshot& target) {
    std::vector<PreviewMount> mounts;
    if (input_.stages.paths().empty()) return mounts;
    const auto unchanged =
        resource.preview_links_to_live() ? Unchanged::kLinks : Unchanged::kCopies;
    for (const auto& root : resource.preview_roots(target)) {
      auto preview = previews_.find(root);
      if (preview == previews_.end()) {
        ROLLBACK_ASSIGN(auto made, make_preview({input_.deps.root, input_.stages, input_.ops}, root,
                                                unchanged));
        preview = previews_.emplace(root, std::move(made)).first;
      }
      mounts.push_back(preview->second);
    }
    return mounts;
  }

  Status judge(Resource& resource, const ResourceSnapshot& target,
               const std::vector<PreviewMount>& mounts) {
    ROLLBACK_ASSIGN(const auto complaints, resource.validate(target, mounts));
    if (complaints.empty()) return {};
    ROLLBACK_ASSIGN(const auto now, resource.validate(target, {}));
    std::vector<std::string> fresh;
    for (const auto& complaint : complaints) {
      const bool old = std::any_of(now.begin(), now.end(), [&](const Complaint& other) {
        return other.text == complaint.text;
      });
      if (old)
        input_.log.warn(complaint.text + " (the live configuration has the same fault)");
      else
        fresh.push_back(complaint.text);
    }
    if (fresh.empty()) return {};
    return fail(ErrorCode::kConflict, fmt::format("{} would not be valid on this host: {}",
                                                  input_.comparison.plan.to, first_few(fresh)));
  }

  const ValidationInput& input_;
  std::map<std::string, PreviewMount> previews_;
};

}  // namespace

std::size_t preview_bytes(const RunDeps& deps, const Comparison& comparison) {
  std::size_t bytes = 0;
  for (const auto& [resource, target] : validated(deps, comparison))
    for (const auto& root : resource->preview_roots(*target))
      for (const auto* state : {&comparison.origin.state, &comparison.target})
        for (const auto& [path, node] : state->manifest)
          if (is_within(path, root)) bytes += node.size + 4096;
  return bytes;
}

Status validate(const ValidationInput& input) { return Validation(input).run(); }

}  // namespace rollback
