// SPDX-License-Identifier: Apache-2.0
#include "model/tree.h"

#include <fmt/format.h>

#include <set>

namespace rollback {

namespace {

constexpr std::size_t kMaxPath = 65'535;

// A name that was known at capture says who owns it; a number alone is all there is to compare.
bool same_owner(const std::string& name_a, std::uint32_t id_a, const std::string& name_b,
                std::uint32_t id_b) {
  return name_a == name_b && (!name_a.empty() || id_a == id_b);
}

bool same_owners(const Node& a, const Node& b) {
  return same_owner(a.user, a.meta.uid, b.user, b.meta.uid) &&
         same_owner(a.group, a.meta.gid, b.group, b.meta.gid);
}

std::string owners(const Node& node) {
  return (node.user.empty() ? std::to_string(node.meta.uid) : node.user) + ":" +
         (node.group.empty() ? std::to_string(node.meta.gid) : node.group);
}

// Names only: a value is bytes, and may be a secret.
std::set<std::string> differing(const Xattrs& from, const Xattrs& to) {
  std::set<std::string> names;
  for (const auto& [name, value] : from)
    if (const auto other = to.find(name); other == to.end() || other->second != value)
      names.insert(name);
  for (const auto& [name, value] : to)
    if (!from.contains(name)) names.insert(name);
  return names;
}

bool same_bytes(const Node& a, const Node& b) {
  switch (a.kind) {
    case NodeKind::kFile:
      return a.content == b.content && a.size == b.size;
    case NodeKind::kDirectory:
      return a.root == b.root;
    case NodeKind::kSymlink:
      return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(NodeKind kind) noexcept {
  switch (kind) {
    case NodeKind::kFile:
      return "file";
    case NodeKind::kDirectory:
      return "directory";
    case NodeKind::kSymlink:
      return "symlink";
  }
  return "unknown";
}

bool same_content(const Node& a, const Node& b) { return differences(a, b).empty(); }

std::vector<std::string> differences(const Node& from, const Node& to) {
  // Another type makes every other comparison meaningless: a symlink's mode is always 0777.
  if (from.kind != to.kind) return {"type"};
  std::vector<std::string> found;
  if (!same_bytes(from, to)) found.emplace_back("content");
  if (from.kind == NodeKind::kSymlink && from.target != to.target) found.emplace_back("target");
  if (from.meta.mode != to.meta.mode)
    found.push_back(fmt::format("mode {:04o} -> {:04o}", from.meta.mode, to.meta.mode));
  if (!same_owners(from, to)) found.push_back("owner " + owners(from) + " -> " + owners(to));
  for (const auto& name : differing(from.meta.xattrs, to.meta.xattrs))
    found.push_back("xattr " + name);
  return found;
}

bool is_canonical_path(std::string_view path) noexcept {
  if (path.empty() || path.front() != '/' || path.size() > kMaxPath) return false;
  if (path.find('\0') != std::string_view::npos) return false;
  if (path == "/") return true;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto component = path.substr(0, path.find('/'));
    if (component.empty() || component == "." || component == "..") return false;
    path.remove_prefix(component.size());
  }
  return true;
}

bool is_within(std::string_view path, std::string_view root) noexcept {
  if (root == "/") return path.starts_with('/');
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace rollback
