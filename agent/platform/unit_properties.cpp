// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/unit_properties.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/digest.h"

namespace rollback {

namespace {

// All readers return < 0 (-errno) on a message of another shape.

int read_string(sd_bus_message* message, std::string& value) {
  const char* text = nullptr;
  const int read = sd_bus_message_read(message, "v", "s", &text);
  if (read >= 0) value = text;
  return read;
}

int read_strings(sd_bus_message* message, std::vector<std::string>& values) {
  int step = sd_bus_message_enter_container(message, 'v', "as");
  if (step >= 0) step = sd_bus_message_enter_container(message, 'a', "s");
  const char* text = nullptr;
  while (step >= 0 && (step = sd_bus_message_read(message, "s", &text)) > 0)
    values.emplace_back(text);
  if (step >= 0) step = sd_bus_message_exit_container(message);
  if (step >= 0) step = sd_bus_message_exit_container(message);
  return step;
}

int read_invocation(sd_bus_message* message, std::string& value) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  int step = sd_bus_message_enter_container(message, 'v', "ay");
  if (step >= 0) step = sd_bus_message_read_array(message, 'y', &bytes, &size);
  if (step >= 0) value = to_hex(static_cast<const std::uint8_t*>(bytes), size);
  if (step >= 0) step = sd_bus_message_exit_container(message);
  return step;
}

// An array of structs that begin with a path: Exec lines a(sasbttttuii), EnvironmentFiles a(sb).
int read_paths(sd_bus_message* message, const char* structure, std::vector<std::string>& paths) {
  const std::string array = std::string("a(") + structure + ")";
  int step = sd_bus_message_enter_container(message, 'v', array.c_str());
  if (step >= 0) step = sd_bus_message_enter_container(message, 'a', array.c_str() + 1);
  while (step >= 0 && (step = sd_bus_message_enter_container(message, 'r', structure)) > 0) {
    const char* path = nullptr;
    step = sd_bus_message_read(message, "s", &path);
    if (step >= 0) {
      if (path[0] == '/') paths.emplace_back(path);
      step = sd_bus_message_skip(message, structure + 1);
    }
    if (step >= 0) step = sd_bus_message_exit_container(message);
  }
  if (step >= 0) step = sd_bus_message_exit_container(message);
  if (step >= 0) step = sd_bus_message_exit_container(message);
  return step;
}

struct StringProperty {
  std::string_view name;
  std::string UnitInfo::*field;
};
constexpr std::array kStrings = {
    StringProperty{"Id", &UnitInfo::name},
    StringProperty{"LoadState", &UnitInfo::load_state},
    StringProperty{"ActiveState", &UnitInfo::active_state},
    StringProperty{"SubState", &UnitInfo::sub_state},
    StringProperty{"UnitFileState", &UnitInfo::unit_file_state},
    StringProperty{"FragmentPath", &UnitInfo::fragment_path},
    StringProperty{"Result", &UnitInfo::result},
    StringProperty{"KillMode", &UnitInfo::kill_mode},
};
constexpr std::array<std::string_view, 8> kExecLines = {
    "ExecCondition", "ExecStartPre", "ExecStart",    "ExecStartPost",
    "ExecReload",    "ExecStop",     "ExecStopPost", "ExecReloadPost"};

template <typename Number>
int read_number(sd_bus_message* message, const char* type, Number& value) {
  return sd_bus_message_read(message, "v", type, &value);
}

int read_property(sd_bus_message* message, std::string_view name, UnitInfo& unit) {
  for (const auto& property : kStrings)
    if (property.name == name) return read_string(message, unit.*property.field);
  if (std::find(kExecLines.begin(), kExecLines.end(), name) != kExecLines.end())
    return read_paths(message, "sasbttttuii", unit.uses);
  if (name == "EnvironmentFiles") return read_paths(message, "sb", unit.uses);
  if (name == "DropInPaths") return read_strings(message, unit.drop_in_paths);
  if (name == "InvocationID") return read_invocation(message, unit.invocation_id);
  if (name == "MainPID") return read_number(message, "u", unit.main_pid);
  if (name == "NRestarts") return read_number(message, "u", unit.restarts);
  if (name == "ExecMainStatus") return read_number(message, "i", unit.exit_status);
  if (name == "NeedDaemonReload") {
    int flag = 0;
    const int read = read_number(message, "b", flag);
    unit.need_daemon_reload = flag != 0;
    return read;
  }
  return sd_bus_message_skip(message, "v");
}

}  // namespace

Result<UnitInfo> parse_unit_properties(sd_bus_message* reply) {
  UnitInfo unit;
  int step = sd_bus_message_enter_container(reply, 'a', "{sv}");
  while (step >= 0 && (step = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
    const char* name = nullptr;
    step = sd_bus_message_read(reply, "s", &name);
    if (step >= 0) step = read_property(reply, name, unit);
    if (step >= 0) step = sd_bus_message_exit_container(reply);
  }
  if (step < 0) return fail_errno(-step, "read systemd's description of a unit");
  std::sort(unit.uses.begin(), unit.uses.end());
  unit.uses.erase(std::unique(unit.uses.begin(), unit.uses.end()), unit.uses.end());
  return unit;
}

}  // namespace rollback
