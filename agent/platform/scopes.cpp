// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/scopes.h"

#include <systemd/sd-bus.h>

#include "agent/platform/printable.h"

namespace rollback {

namespace {

constexpr std::uint64_t kStopMicroseconds = 10'000'000;  // from SIGTERM to SIGKILL
constexpr std::size_t kLongestCommand = 256;

// StartTransientUnit(name, mode, properties, auxiliary units)
int append_scope(sd_bus_message* message, const std::string& name, std::uint32_t pid,
                 const std::string& what) {
  int added = sd_bus_message_append(message, "ss", name.c_str(), "fail");
  if (added >= 0)
    added = sd_bus_message_append(message, "a(sv)", 4, "Description", "s", what.c_str(), "PIDs",
                                  "au", 1, pid, "TimeoutStopUSec", "t", kStopMicroseconds,
                                  "CollectMode", "s", "inactive-or-failed");
  if (added >= 0) added = sd_bus_message_append(message, "a(sa(sv))", 0);
  return added;
}

}  // namespace

Status SdScopes::start(const std::string& name, std::uint32_t pid, const std::string& what) {
  const BusOperation operation(bus_);
  const BootTime until = clock_.boot() + kBusTimeout;
  ROLLBACK_TRY(bus_.begin(until));
  std::string job;
  std::string result;
  SdBus::Signal on_removed = [&](sd_bus_message* signal) {
    std::uint32_t id = 0;
    const char *path = nullptr, *unit = nullptr, *said = nullptr;
    if (sd_bus_message_read(signal, "uoss", &id, &path, &unit, &said) >= 0 && name == unit)
      result = said;
  };
  ROLLBACK_ASSIGN(const SlotPtr slot,
                  bus_.listen(kManagerPath, kManagerInterface, "JobRemoved", on_removed));
  const auto reply =
      bus_.call({kManagerPath, kManagerInterface, "StartTransientUnit"}, kBusTimeout,
                [&](sd_bus_message* message) { return append_scope(message, name, pid, what); });
  if (!reply) return Failure(reply.error().within("start " + name));
  while (result.empty()) {
    if (clock_.boot() >= until)
      return fail(ErrorCode::kTimeout, "start " + name + ": systemd did not finish it");
    ROLLBACK_TRY(bus_.wait(until));
  }
  if (result == "done") return {};
  return fail(ErrorCode::kIo, "start " + name + ": the job ended with '" + result + "'");
}

Result<std::vector<ScopeProcess>> SdScopes::processes(const std::string& name) {
  const BusOperation operation(bus_);
  ROLLBACK_TRY(bus_.begin(clock_.boot() + kBusTimeout));
  const auto reply = bus_.call(
      {kManagerPath, kManagerInterface, "GetUnitProcesses"}, kBusTimeout,
      [&](sd_bus_message* message) { return sd_bus_message_append(message, "s", name.c_str()); });
  if (!reply && reply.error().code == ErrorCode::kNotFound) return std::vector<ScopeProcess>{};
  if (!reply) return Failure(reply.error().within("look at " + name));
  std::vector<ScopeProcess> found;
  auto* const message = reply->get();
  int read = sd_bus_message_enter_container(message, 'a', "(sus)");
  const char *group = nullptr, *command = nullptr;
  std::uint32_t pid = 0;
  while (read >= 0 && (read = sd_bus_message_read(message, "(sus)", &group, &pid, &command)) > 0)
    found.push_back({pid, printable_line(command, kLongestCommand)});
  if (read < 0) return fail_errno(-read, "read systemd's answer about " + name);
  return found;
}

}  // namespace rollback
