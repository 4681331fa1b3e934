// SPDX-License-Identifier: Apache-2.0
#include "agent/platform/sd_service_manager.h"

#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <csignal>
#include <string_view>

#include "agent/platform/journal_log.h"
#include "agent/platform/unit_properties.h"

namespace rollback {

namespace {

constexpr Duration kProveEvery = std::chrono::seconds(5);  // while a job says nothing

SdBus::Fill strings(std::vector<std::string> values) {
  return [values = std::move(values)](sd_bus_message* message) {
    int added = 0;
    for (const auto& value : values)
      if (added >= 0) added = sd_bus_message_append(message, "s", value.c_str());
    return added;
  };
}

Result<std::string> object_path(sd_bus_message* reply) {
  const char* path = nullptr;
  const int read = sd_bus_message_read(reply, "o", &path);
  if (read < 0) return fail_errno(-read, "read systemd's reply");
  return std::string(path);
}

// The result in a JobRemoved signal when it is about `job`.
std::string result_of(sd_bus_message* signal, const std::string& job) {
  std::uint32_t id = 0;
  const char *path = nullptr, *unit = nullptr, *result = nullptr;
  if (sd_bus_message_read(signal, "uoss", &id, &path, &unit, &result) < 0 || job != path) return "";
  return result;
}

struct ListedUnit {
  std::string name;
  std::string path;  // of its object
};

// Of ListUnits' reply, those that can be outdated: devices, for one, have no file and are many.
Result<std::vector<ListedUnit>> units_with_files(sd_bus_message* reply) {
  std::vector<ListedUnit> units;
  int step = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
  while (step >= 0) {
    const char *name = nullptr, *description = nullptr, *load = nullptr, *active = nullptr,
               *sub = nullptr, *following = nullptr, *path = nullptr, *kind = nullptr,
               *job_path = nullptr;
    std::uint32_t job = 0;
    step = sd_bus_message_read(reply, "(ssssssouso)", &name, &description, &load, &active, &sub,
                               &following, &path, &job, &kind, &job_path);
    if (step <= 0) break;
    const std::string_view named(name);
    if (std::string_view(load) == "loaded" && !named.ends_with(".device") &&
        !named.ends_with(".scope"))
      units.push_back({name, path});
  }
  if (step < 0) return fail_errno(-step, "read systemd's list of units");
  return units;
}

}  // namespace

const char* SdServiceManager::word(Verb verb) {
  return verb == Verb::kStart ? "start" : verb == Verb::kStop ? "stop" : "reload";
}

const char* SdServiceManager::method(Verb verb) {
  return verb == Verb::kStart ? "StartUnit" : verb == Verb::kStop ? "StopUnit" : "ReloadUnit";
}

Result<std::unique_ptr<SdServiceManager>> SdServiceManager::connect(const Clock& clock,
                                                                    BusAddresses addresses) {
  std::unique_ptr<SdServiceManager> manager(new SdServiceManager(clock, std::move(addresses)));
  const BusOperation operation(manager->bus_);
  ROLLBACK_TRY(manager->bus_.begin());
  return manager;
}

Result<UnitInfo> SdServiceManager::unit(const std::string& name, Duration deadline) {
  const BootTime until = clock_.boot() + deadline;
  const BusOperation operation(bus_);
  ROLLBACK_TRY(bus_.begin(until));
  return load_unit(name, until);
}

Result<UnitInfo> SdServiceManager::load_unit(const std::string& name, BootTime until) {
  ROLLBACK_ASSIGN(
      const MessagePtr loaded,
      call_surely({kManagerPath, kManagerInterface, "LoadUnit"}, until, strings({name})));
  ROLLBACK_ASSIGN(const std::string path, object_path(loaded.get()));
  // "" asks for the properties of all interfaces of the unit, whatever its type.
  ROLLBACK_ASSIGN(
      const MessagePtr all,
      call_surely({path, "org.freedesktop.DBus.Properties", "GetAll"}, until, strings({""})));
  ROLLBACK_ASSIGN(UnitInfo info, parse_unit_properties(all.get()));
  return info;
}

Status SdServiceManager::start(const std::string& unit, Duration deadline) {
  return run_job(Verb::kStart, unit, deadline);
}

Status SdServiceManager::stop(const std::string& unit, Duration deadline) {
  return run_job(Verb::kStop, unit, deadline);
}

Status SdServiceManager::reload(const std::string& unit, Duration deadline) {
  return run_job(Verb::kReload, unit, deadline);
}

Status SdServiceManager::run_job(Verb verb, const std::string& unit, Duration deadline) {
  const BusOperation operation(bus_);
  const std::string what = fmt::format("{} {}", word(verb), unit);
  if (auto began = bus_.begin(); !began) return Failure(began.error().within(what));
  Job job{"", unit, verb, clock_.boot() + deadline};
  auto heard = try_job(job);
  if (!heard && bus_.is_lost() && job.path.empty()) {
    // Nobody knows whether systemd heard of it, and to be told twice changes nothing.
    bus_.drop();
    if (auto began = bus_.begin(job.until); !began) return Failure(began.error().within(what));
    heard = try_job(job);
  }
  if (!heard && bus_.is_lost() && !job.path.empty()) heard = judge_by_state(job);
  // A frozen D-Bus is as silent as a job that goes on.
  if (heard && *heard == "deadline")
    if (auto judged = judge_by_state(job)) heard = std::move(judged);
  if (!heard) return Failure(heard.error().within(what));
  return explain(job, *heard);
}

// Begins the job, which then has a path, and waits for its end.
Result<std::string> SdServiceManager::try_job(Job& job) {
  std::string result;
  SdBus::Signal on_removed = [&](sd_bus_message* signal) {
    if (const auto found = result_of(signal, job.path); !found.empty()) result = found;
  };
  // Signals wait in the connection until wait() handles them, so listening before the call is
  // enough to miss none.
  ROLLBACK_ASSIGN(const SlotPtr slot,
                  bus_.listen(kManagerPath, kManagerInterface, "JobRemoved", on_removed));
  ROLLBACK_ASSIGN(const MessagePtr reply,
                  bus_.call({kManagerPath, kManagerInterface, method(job.verb)},
                            job.until - clock_.boot(), strings({job.unit, "replace"})));
  ROLLBACK_ASSIGN(job.path, object_path(reply.get()));
  return wait_for_result(job, result);
}

Result<MessagePtr> SdServiceManager::call_surely(const BusMethod& method, BootTime until,
                                                 const SdBus::Fill& fill) {
  auto reply = bus_.call(method, until - clock_.boot(), fill);
  if (reply || !bus_.is_lost()) return reply;
  bus_.drop();
  ROLLBACK_TRY(bus_.begin(until));
  return bus_.call(method, until - clock_.boot(), fill);
}

// `result` is filled by the signal. "deadline" is ours, the others are systemd's words.
Result<std::string> SdServiceManager::wait_for_result(const Job& job, const std::string& result) {
  BootTime proof = clock_.boot() + kProveEvery;
  while (result.empty()) {
    if (clock_.boot() >= job.until) return std::string("deadline");
    ROLLBACK_TRY(bus_.wait(std::min(job.until, proof)));
    if (!result.empty() || clock_.boot() < proof) continue;
    ROLLBACK_TRY(bus_.prove());
    proof = clock_.boot() + kProveEvery;
  }
  return result;
}

// After the connection was lost: signals may have been missed, so ask for the job until it is gone.
Result<std::string> SdServiceManager::judge_by_state(const Job& job) {
  bus_.drop();
  ROLLBACK_TRY(bus_.begin());
  constexpr Duration kInterval = std::chrono::milliseconds(50);
  for (;;) {
    auto running = bus_.call({job.path, "org.freedesktop.DBus.Properties", "GetAll"}, kBusTimeout,
                             strings({"org.freedesktop.systemd1.Job"}));
    if (!running) break;
    if (clock_.boot() >= job.until) return std::string("deadline");
    const BootTime next = clock_.boot() + kInterval;
    while (clock_.boot() < next) ROLLBACK_TRY(bus_.wait(next));
  }
  ROLLBACK_ASSIGN(const UnitInfo info, load_unit(job.unit, clock_.boot() + kUnitAnswer));
  const bool up = info.active_state == "active" || info.active_state == "reloading";
  const bool down = info.active_state == "inactive" || info.active_state == "failed";
  return std::string((job.verb == Verb::kStop ? down : up) ? "done" : "failed");
}

Status SdServiceManager::explain(const Job& job, const std::string& result) {
  if (result == "done" || result == "skipped") return {};
  const std::string what = fmt::format("{} {}", word(job.verb), job.unit);
  std::string state = "unknown";
  if (auto info = load_unit(job.unit, clock_.boot() + kUnitAnswer)) state = describe_state(*info);
  if (result == "deadline") {
    (void)bus_.call({job.path, "org.freedesktop.systemd1.Job", "Cancel"},
                    kBusTimeout);  // may be over
    return fail(
        ErrorCode::kTimeout,
        fmt::format("{}: not finished at its deadline, the job was cancelled; the unit is {}", what,
                    state));
  }
  const auto code = result == "timeout" ? ErrorCode::kTimeout : ErrorCode::kIo;
  return fail(code, fmt::format("{}: the job ended with '{}'; the unit is {}; see journalctl -u {}",
                                what, result, state, job.unit));
}

Status SdServiceManager::kill(const std::string& unit) {
  const BusOperation operation(bus_);
  const std::string what = "kill " + unit;
  if (auto began = bus_.begin(); !began) return Failure(began.error().within(what));
  const auto info = load_unit(unit, clock_.boot() + kUnitAnswer);
  if (!info) return Failure(info.error().within(what));
  if (info->kill_mode == "none")
    return fail(ErrorCode::kUnsupported, what + ": its KillMode=none forbids it");
  const char* const whom = info->kill_mode == "process" ? "main" : "all";
  const auto killed =
      call_surely({kManagerPath, kManagerInterface, "KillUnit"}, clock_.boot() + kBusTimeout,
                  [&](sd_bus_message* message) {
                    return sd_bus_message_append(message, "ssi", unit.c_str(), whom, SIGKILL);
                  });
  if (!killed) return Failure(killed.error().within(what));
  return {};
}

Status SdServiceManager::reset_failed(const std::string& unit) {
  const BusOperation operation(bus_);
  ROLLBACK_TRY(bus_.begin());
  const auto reply = call_surely({kManagerPath, kManagerInterface, "ResetFailedUnit"},
                                 clock_.boot() + kBusTimeout, strings({unit}));
  if (reply || reply.error().code == ErrorCode::kNotFound) return {};
  return Failure(reply.error().within("reset the failed state of " + unit));
}

Status SdServiceManager::daemon_reload(Duration deadline) {
  const BusOperation operation(bus_);
  ROLLBACK_TRY(bus_.begin());
  ROLLBACK_TRY(call_surely({kManagerPath, kManagerInterface, "Reload"}, clock_.boot() + deadline));
  return {};
}

Result<std::vector<std::string>> SdServiceManager::outdated_units(Duration deadline) {
  const BootTime until = clock_.boot() + deadline;
  const BusOperation operation(bus_);
  ROLLBACK_TRY(bus_.begin(until));
  ROLLBACK_ASSIGN(const MessagePtr listed,
                  bus_.call({kManagerPath, kManagerInterface, "ListUnits"}, until - clock_.boot()));
  ROLLBACK_ASSIGN(const auto units, units_with_files(listed.get()));
  std::vector<std::string> outdated;
  for (const auto& unit : units) {
    if (clock_.boot() >= until)
      return fail(ErrorCode::kTimeout, "ask systemd which units are outdated: it took too long");
    // A unit that went away meanwhile is none.
    auto answer =
        bus_.call({unit.path, "org.freedesktop.DBus.Properties", "Get"}, until - clock_.boot(),
                  strings({"org.freedesktop.systemd1.Unit", "NeedDaemonReload"}));
    if (!answer && bus_.is_lost()) return Failure(answer.error());
    int needed = 0;
    if (answer && sd_bus_message_read(answer->get(), "v", "b", &needed) >= 0 && needed != 0)
      outdated.push_back(unit.name);
  }
  std::sort(outdated.begin(), outdated.end());
  return outdated;
}

Result<std::vector<std::string>> SdServiceManager::log_tail(const std::string& unit,
                                                            std::size_t lines) {
  return journal_tail(unit, lines);
}

}  // namespace rollback
