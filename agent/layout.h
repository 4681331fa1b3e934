// SPDX-License-Identifier: Apache-2.0
// Where kinds of resources keep their files, as far as it follows from names alone. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rollback {

// Fact of a compose resource: the name that its project has.
inline constexpr const char* kProjectFact = "project";

inline constexpr std::string_view kUnitDirectory = "/etc/systemd/system";

// "shop@.service" of "shop@1.service"; "" of units that are no instance.
std::string template_of(std::string_view unit);

// Fragment and drop-in directory of `unit` below kUnitDirectory, and those of its template.
std::vector<std::string> unit_paths(std::string_view unit);

// The files that a compose engine reads in a project directory without being told: compose.yaml and
// its older names, their overrides, .env. Absolute, sorted.
std::vector<std::string> compose_candidates(const std::string& project_dir);

}  // namespace rollback
