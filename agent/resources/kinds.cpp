// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/kinds.h"

#include <algorithm>
#include <array>

namespace rollback {

namespace kinds {

namespace {

constexpr std::size_t kMostLines = 50;
constexpr std::size_t kLongestLine = 512;

}  // namespace

Result<UnitState> unit_state(UnitReader& units, const std::string& unit) {
  constexpr std::array<std::string_view, 3> kRunning = {"active", "reloading", "activating"};
  ROLLBACK_ASSIGN(const auto info, units.unit(unit));
  UnitState state;
  state.name = unit;
  state.active = std::find(kRunning.begin(), kRunning.end(), info.active_state) != kRunning.end();
  state.enablement = info.unit_file_state;
  state.fragment = info.fragment_path;
  state.uses = info.uses;
  return state;
}

std::vector<std::pair<std::string, std::string>> binds_of(const std::vector<PreviewMount>& mounts) {
  std::vector<std::pair<std::string, std::string>> binds;
  for (const auto& mount : mounts) binds.emplace_back(mount.source, mount.destination);
  return binds;
}

std::vector<std::string> lines_of(const std::string& output) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < output.size() && lines.size() < kMostLines;) {
    const auto end = std::min(output.find('\n', begin), output.size());
    auto line = output.substr(begin, std::min(end - begin, kLongestLine));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c < ' ' || c == 0x7f; }, '?');
    if (!line.empty()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

}  // namespace kinds

std::vector<std::unique_ptr<Resource>> make_resources(const std::vector<ResourceSpec>& specs,
                                                      const Platform& platform) {
  std::vector<std::unique_ptr<Resource>> resources;
  for (const auto& spec : specs) {
    switch (spec.kind) {
      case ResourceKind::kNginx:
        resources.push_back(kinds::make_nginx(spec, platform));
        break;
      case ResourceKind::kSystemd:
        resources.push_back(kinds::make_systemd(spec, platform));
        break;
      case ResourceKind::kBinary:
        resources.push_back(kinds::make_binary(spec, platform));
        break;
      case ResourceKind::kFiles:
        resources.push_back(kinds::make_files(spec, platform));
        break;
      case ResourceKind::kCompose:
        resources.push_back(kinds::make_compose(spec, platform));
        break;
    }
  }
  return resources;
}

}  // namespace rollback
