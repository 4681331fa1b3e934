// SPDX-License-Identifier: Apache-2.0
#include "agent/privilege.h"

#include <sys/stat.h>

#include <algorithm>

namespace rollback {

std::string_view privilege_of(std::uint32_t mode, const Xattrs& xattrs) noexcept {
  if ((mode & S_ISUID) != 0) return " is setuid";
  if ((mode & S_ISGID) != 0 && (mode & S_IXGRP) != 0) return " is setgid";
  if (xattrs.contains("security.capability")) return " carries file capabilities";
  return "";
}

bool allows_privilege(const ResourceSpec& spec, std::string_view path) {
  const auto& paths = spec.allow_setuid;
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

Status check_privilege(const std::vector<ResourceSpec>& resources, const std::string& path,
                       const Node& node) {
  if (node.kind != NodeKind::kFile) return {};
  const auto privilege = privilege_of(node.meta.mode, node.meta.xattrs);
  const auto allows = [&](const ResourceSpec& spec) { return allows_privilege(spec, path); };
  if (privilege.empty() || std::any_of(resources.begin(), resources.end(), allows)) return {};
  return fail(ErrorCode::kDenied, path + std::string(privilege) +
                                      " in this release, and 'allow_setuid' of agent.yaml does not "
                                      "name it; add it there if it should be");
}

}  // namespace rollback
