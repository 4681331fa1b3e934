// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/activation.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/apply/project_work.h"
#include "agent/apply/unit_work.h"

namespace rollback {

namespace {

// Those that start before the projects, and those behind.
std::pair<Units, Units> parts_of(const JournalIntent& intent) {
  const Units units(intent.units);
  const auto first = std::min<std::size_t>(intent.units_first, units.size());
  return {units.first(first), units.subspan(first)};
}

void warn(const std::vector<std::string>& failures, RunLog& log) {
  for (const auto& line : failures) log.warn(line);
}

}  // namespace

Status quiesce(const JournalIntent& intent, const Live& live, const Clock& clock, BootTime end) {
  ROLLBACK_TRY(quiesce_units(intent.units, live.services, clock, end));
  return quiesce_projects(intent.projects, live, clock, end);
}

Status activate(const JournalIntent& intent, const Live& live, const Clock& clock, BootTime end) {
  const auto [first, last] = parts_of(intent);
  if (intent.daemon_reload) ROLLBACK_TRY(reload_systemd(live.services, clock, end));
  ROLLBACK_TRY(activate_units(first, live.services, clock, end));
  ROLLBACK_TRY(activate_projects(intent.projects, live, clock, end));
  return activate_units(last, live.services, clock, end);
}

void stop_for_undo(const JournalIntent& intent, const Live& live, RunLog& log) {
  warn(stop_units_for_undo(intent.units, live.services), log);
  warn(stop_projects_for_undo(intent.projects, live), log);
}

void start_for_undo(const JournalIntent& intent, bool activated, const Live& live, RunLog& log) {
  const auto [first, last] = parts_of(intent);
  if (intent.daemon_reload)
    if (const auto reloaded = live.services.daemon_reload(kReloadDeadline); !reloaded)
      log.warn(reloaded.error().message);
  warn(start_units_for_undo(first, activated, live.services), log);
  warn(start_projects_for_undo(intent.projects, activated, live), log);
  warn(start_units_for_undo(last, activated, live.services), log);
}

std::vector<std::string> unlike_origin(const JournalIntent& intent, const RunDeps& deps) {
  auto found = units_unlike_origin(intent.units, deps.units);
  auto projects = projects_unlike_origin(intent.projects, deps);
  std::move(projects.begin(), projects.end(), std::back_inserter(found));
  return found;
}

}  // namespace rollback
