// SPDX-License-Identifier: Apache-2.0
#include "tests/proof/outlasting_services.h"

#include <fmt/format.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <utility>

#include "core/digest.h"
#include "tests/agent/apply/seen_tree.h"

namespace rollback {

OutlastingServices::OutlastingServices(std::filesystem::path file, std::filesystem::path root,
                                       FaultySyscalls* outside)
    : file_(std::move(file)), root_(std::move(root)), outside_(outside) {
  load();
}

void OutlastingServices::add(const std::string& name, const std::string& fragment,
                             std::vector<std::string> reads) {
  Unit unit{true, 1, fragment, std::move(reads), "", ""};
  unit.loaded = definition_of(unit);
  unit.running = would_run(unit);
  units_[name] = unit;
  save();
}

std::string OutlastingServices::unlike_files() const {
  for (const auto& [name, unit] : units_) {
    if (!unit.active) return name + " does not run";
    if (unit.loaded != definition_of(unit)) return "systemd has another definition of " + name;
    if (unit.running != would_run(unit)) return name + " runs what is not on the disk";
  }
  return "";
}

Result<UnitInfo> OutlastingServices::unit(const std::string& name, Duration) {
  UnitInfo info;
  info.name = name;
  const auto found = units_.find(name);
  info.load_state = found == units_.end() ? "not-found" : "loaded";
  info.active_state = "inactive";
  if (found == units_.end()) return info;
  const auto& unit = found->second;
  if (unit.active) info.active_state = "active";
  info.unit_file_state = "enabled";
  info.fragment_path = unit.fragment;
  info.uses = unit.reads;
  info.invocation_id = std::to_string(unit.invocation);
  info.result = "success";
  return info;
}

Status OutlastingServices::start(const std::string& name, Duration) {
  return act("start " + name, [this](Unit& unit) {
    if (unit.active) return;
    unit.active = true;
    ++unit.invocation;
    unit.running = would_run(unit);
  });
}

Status OutlastingServices::stop(const std::string& name, Duration) {
  return act("stop " + name, [](Unit& unit) { unit.active = false; });
}

Status OutlastingServices::reload(const std::string& name, Duration) {
  return act("reload " + name, [this](Unit& unit) {
    if (unit.active) unit.running = would_run(unit);
  });
}

Status OutlastingServices::daemon_reload(Duration) {
  return act("daemon-reload", [](Unit&) {});
}

Result<std::vector<std::string>> OutlastingServices::outdated_units(Duration) {
  std::vector<std::string> outdated;
  for (const auto& [name, unit] : units_)
    if (unit.loaded != definition_of(unit)) outdated.push_back(name);
  return outdated;
}

Result<std::vector<std::string>> OutlastingServices::log_tail(const std::string&, std::size_t) {
  return std::vector<std::string>{};
}

std::string OutlastingServices::digest_of(const std::vector<std::string>& paths) const {
  std::string all;
  for (const auto& [path, seen] : look_at(root_.string(), paths))
    all += fmt::format("{} {:o} {:o} {}\n", path, seen.type, seen.mode, seen.content);
  return sha256(all).hex();
}

std::string OutlastingServices::definition_of(const Unit& unit) const {
  return digest_of({unit.fragment, unit.fragment + ".d"});
}

std::string OutlastingServices::would_run(const Unit& unit) const {
  return sha256(unit.loaded + digest_of(unit.reads)).hex();
}

// Done by another program: it is done as a whole, or the agent was killed before it asked.
Status OutlastingServices::act(const std::string& name, const std::function<void(Unit&)>& change) {
  if (const int error = outside_ != nullptr ? outside_->outside("systemd") : 0; error < 0)
    return fail(ErrorCode::kIo, name + ": systemd does not answer");
  const auto space = name.find(' ');
  if (space == std::string::npos) {
    for (auto& [unit_name, unit] : units_) unit.loaded = definition_of(unit);
  } else {
    const auto found = units_.find(name.substr(space + 1));
    if (found == units_.end()) return fail(ErrorCode::kNotFound, name + ": no such unit");
    change(found->second);
  }
  save();
  return {};
}

void OutlastingServices::load() {
  std::ifstream file(file_);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    Unit unit;
    fields >> name >> unit.active >> unit.invocation >> unit.fragment >> unit.loaded >>
        unit.running;
    for (std::string path; fields >> path;) unit.reads.push_back(path);
    units_[name] = unit;
  }
}

void OutlastingServices::save() const {
  const auto fresh = file_.string() + ".new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    for (const auto& [name, unit] : units_) {
      file << name << ' ' << unit.active << ' ' << unit.invocation << ' ' << unit.fragment << ' '
           << unit.loaded << ' ' << unit.running;
      for (const auto& path : unit.reads) file << ' ' << path;
      file << '\n';
    }
  }
  std::filesystem::rename(fresh, file_);
}

}  // namespace rollback
