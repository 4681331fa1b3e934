// SPDX-License-Identifier: Apache-2.0
// Files that give rights to whoever runs them. They are captured, imported and restored only where
// `allow_setuid` names their path: a release must not bring a way to become root that nobody
// configured. Pure functions of values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/options.h"
#include "model/tree.h"

namespace rollback {

// " is setuid", " is setgid", " carries file capabilities"; "" for a plain file.
std::string_view privilege_of(std::uint32_t mode, const Xattrs& xattrs) noexcept;

bool allows_privilege(const ResourceSpec& spec, std::string_view path);

// kDenied for a file with a privilege that no resource allows at `path`.
Status check_privilege(const std::vector<ResourceSpec>& resources, const std::string& path,
                       const Node& node);

}  // namespace rollback
