// SPDX-License-Identifier: Apache-2.0
#include "agent/layout.h"

#include <algorithm>

namespace rollback {

std::string template_of(std::string_view unit) {
  const auto at = unit.find('@');
  const auto dot = unit.rfind('.');
  if (at == std::string_view::npos || dot == std::string_view::npos || dot < at) return "";
  return std::string(unit.substr(0, at + 1)) + std::string(unit.substr(dot));
}

std::vector<std::string> unit_paths(std::string_view unit) {
  std::vector<std::string> paths;
  for (const auto& name : {std::string(unit), template_of(unit)}) {
    if (name.empty()) continue;
    const std::string fragment = std::string(kUnitDirectory) + "/" + name;
    paths.push_back(fragment);
    paths.push_back(fragment + ".d");
  }
  return paths;
}

std::vector<std::string> compose_candidates(const std::string& project_dir) {
  std::vector<std::string> paths = {project_dir + "/.env"};
  for (const auto stem :
       {"compose", "compose.override", "docker-compose", "docker-compose.override"})
    for (const auto suffix : {".yaml", ".yml"}) paths.push_back(project_dir + "/" + stem + suffix);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace rollback
