// SPDX-License-Identifier: Apache-2.0
#include "agent/service/secrets.h"

#include <algorithm>
#include <utility>

#include "agent/capture/tree_capture.h"

namespace rollback {

namespace {

// `secret` means what `exclude` means; a directory that is meant covers everything below it.
bool is_meant(const std::vector<std::string>& patterns, std::string_view root, std::string path) {
  for (; path.size() > 1; path.resize(path.rfind('/')))
    if (is_excluded(patterns, root, path)) return true;
  return false;
}

}  // namespace

Secrets::Secrets(const std::vector<ResourceSpec>& specs, const HostState& from,
                 const HostState& to) {
  add_unknown(specs, from);
  add_unknown(specs, to);
  for (const auto& spec : specs) {
    if (spec.secret.empty()) continue;
    roots_.push_back({&spec.secret, "/"});  // names and absolute patterns mean any path
    for (const auto& path : spec.paths) roots_.push_back({&spec.secret, path});
    add_roots(spec, from);
    add_roots(spec, to);
  }
  if (roots_.empty()) return;
  for (const HostState* state : {&from, &to})
    for (const auto& [path, node] : state->manifest)
      if (node.kind == NodeKind::kFile && node.size > 0 && is_secret(path))
        contents_.insert(node.content);
}

// What a resource found to be its own (a certificate that nginx refers to) is in its record only.
void Secrets::add_roots(const ResourceSpec& spec, const HostState& state) {
  for (const auto& resource : state.snapshot.resources)
    if (resource.kind == spec.kind && resource.name == spec.name)
      for (const auto& managed : resource.paths) roots_.push_back({&spec.secret, managed.path});
}

// What was secret of it nobody knows any more.
void Secrets::add_unknown(const std::vector<ResourceSpec>& specs, const HostState& state) {
  for (const auto& resource : state.snapshot.resources) {
    const bool known = std::any_of(specs.begin(), specs.end(), [&](const ResourceSpec& spec) {
      return spec.kind == resource.kind && spec.name == resource.name;
    });
    if (known) continue;
    for (const auto& managed : resource.paths) roots_.push_back({nullptr, managed.path});
  }
}

bool Secrets::is_secret(const std::string& path) const {
  return std::any_of(roots_.begin(), roots_.end(), [&](const Root& root) {
    return (root.path == "/" || is_within(path, root.path)) &&
           (root.patterns == nullptr || is_meant(*root.patterns, root.path, path));
  });
}

bool Secrets::is_secret(const std::string& path, const Node& node) const {
  return (node.kind == NodeKind::kFile && contents_.contains(node.content)) || is_secret(path);
}

void Secrets::conceal(const std::string& path, Node& node) const {
  if (!is_secret(path)) return;
  if (node.kind == NodeKind::kSymlink) node.content = sha256(std::exchange(node.target, {}));
  Xattrs names;
  for (const auto& [name, value] : node.meta.xattrs) names.emplace(name, "");
  node.meta.xattrs = std::move(names);
}

}  // namespace rollback
