// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/unit_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace rollback {

namespace {

constexpr Duration kJobDeadline = std::chrono::seconds(90);  // systemd's own default
constexpr Duration kStopAgain = std::chrono::seconds(30);    // of what was asked to stop before

bool starts(const JournalUnit& unit) {
  return unit.duty == UnitDuty::kStart || (unit.duty == UnitDuty::kRestart && unit.was_active);
}

Status start(const JournalUnit& unit, ServiceManager& services, Duration deadline) {
  ROLLBACK_TRY(services.reset_failed(unit.name));
  return services.start(unit.name, deadline);
}

bool is_stopping(const UnitInfo& unit) { return unit.active_state == "deactivating"; }

void note(std::vector<std::string>& failures, const Status& status) {
  if (!status) failures.push_back(status.error().message);
}

}  // namespace

Result<Duration> time_for(const std::string& job, Duration most, const Clock& clock, BootTime end) {
  const Duration left = end - clock.boot();
  if (left <= Duration::zero())
    return fail(ErrorCode::kTimeout,
                fmt::format("{}: the run's time is up; give it more with --timeout", job));
  return std::min(most, left);
}

bool is_up(const UnitInfo& unit) {
  return unit.active_state == "active" || unit.active_state == "reloading" ||
         unit.active_state == "activating";
}

Result<std::vector<JournalUnit>> note_units(const Plan& plan, UnitReader& reader) {
  std::vector<JournalUnit> units;
  std::map<std::string, bool> stopped;  // -> started again
  for (const auto& step : plan.steps) {
    if (step.action == StepAction::kStopUnit) stopped.emplace(step.subject, false);
    JournalUnit unit;
    unit.name = step.subject;
    if (step.action == StepAction::kStartUnit) {
      const auto was_stopped = stopped.find(step.subject);
      unit.duty = was_stopped == stopped.end() ? UnitDuty::kStart : UnitDuty::kRestart;
      if (was_stopped != stopped.end()) was_stopped->second = true;
      units.push_back(unit);
    } else if (step.action == StepAction::kReloadUnit) {
      unit.duty = UnitDuty::kReload;
      units.push_back(unit);
    }
  }
  for (const auto& [name, started] : stopped)
    if (!started) units.push_back({name, UnitDuty::kStop, false, "", ""});
  for (auto& unit : units) {
    ROLLBACK_ASSIGN(const UnitInfo info, reader.unit(unit.name));
    unit.was_active = is_up(info);
    unit.enablement = info.unit_file_state;
    unit.invocation = info.invocation_id;
  }
  return units;
}

Status quiesce_units(Units units, ServiceManager& services, const Clock& clock, BootTime end) {
  // Against the order of starting: what uses another goes first.
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    const bool stops = unit->duty == UnitDuty::kRestart || unit->duty == UnitDuty::kStop;
    if (!stops || !unit->was_active) continue;
    ROLLBACK_ASSIGN(const Duration time, time_for("stop " + unit->name, kJobDeadline, clock, end));
    ROLLBACK_TRY(services.stop(unit->name, time));
  }
  return {};
}

Status reload_systemd(ServiceManager& services, const Clock& clock, BootTime end) {
  ROLLBACK_ASSIGN(const Duration time, time_for("daemon-reload", kReloadDeadline, clock, end));
  return services.daemon_reload(time);
}

Status activate_units(Units units, ServiceManager& services, const Clock& clock, BootTime end) {
  for (const auto& unit : units) {
    if (starts(unit)) {
      ROLLBACK_ASSIGN(const Duration time,
                      time_for("start " + unit.name, kJobDeadline, clock, end));
      ROLLBACK_TRY(start(unit, services, time));
    } else if (unit.duty == UnitDuty::kReload && unit.was_active) {
      ROLLBACK_ASSIGN(const Duration time,
                      time_for("reload " + unit.name, kReloadDeadline, clock, end));
      ROLLBACK_TRY(services.reload(unit.name, time));
    }
  }
  return {};
}

std::vector<std::string> stop_units_for_undo(Units units, ServiceManager& services) {
  std::vector<std::string> failures;
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    const auto info = services.unit(unit->name);
    if (info && info->active_state == "inactive") continue;
    const bool stopping = info && is_stopping(*info);
    if (!starts(*unit) && !stopping) continue;
    const auto stopped = services.stop(unit->name, stopping ? kStopAgain : kJobDeadline);
    note(failures, stopped);
    if (stopped || stopped.error().code != ErrorCode::kTimeout) continue;
    failures.push_back(unit->name + " is killed, so that it can be started again");
    note(failures, services.kill(unit->name));
    note(failures, services.stop(unit->name, kJobDeadline));
  }
  return failures;
}

std::vector<std::string> start_units_for_undo(Units units, bool activated,
                                              ServiceManager& services) {
  std::vector<std::string> failures;
  for (const auto& unit : units) {
    if (!unit.was_active) continue;
    if (unit.duty == UnitDuty::kReload) {
      if (activated) note(failures, services.reload(unit.name, kReloadDeadline));
    } else {
      note(failures, start(unit, services, kJobDeadline));
    }
  }
  return failures;
}

std::vector<std::string> units_unlike_origin(Units units, UnitReader& reader) {
  std::vector<std::string> found;
  for (const auto& unit : units) {
    const auto info = reader.unit(unit.name);
    if (!info) {
      found.push_back(unit.name + ": " + info.error().message);
    } else if (is_up(*info) != unit.was_active) {
      found.push_back(fmt::format("{} is {}, before the run it was {}", unit.name,
                                  info->active_state, unit.was_active ? "active" : "not active"));
    } else if (info->unit_file_state != unit.enablement) {
      found.push_back(fmt::format("{} is {}, before the run it was {}", unit.name,
                                  info->unit_file_state, unit.enablement));
    }
  }
  return found;
}

}  // namespace rollback
