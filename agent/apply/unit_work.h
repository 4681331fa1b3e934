// SPDX-License-Identifier: Apache-2.0
// What a run does to units: stopping them under the definitions they run with, starting and
// reloading them under the new ones, and the way back. Used by the run thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/apply/journal_records.h"
#include "agent/platform/service_manager.h"
#include "model/plan.h"

namespace rollback {

constexpr Duration kReloadDeadline = std::chrono::seconds(60);

// How long a job of a run may take: at most `most`, and not beyond `end`, the run's own.
Result<Duration> time_for(const std::string& job, Duration most, const Clock& clock, BootTime end);

bool is_up(const UnitInfo& unit);

// The units a plan acts on in the order in which they start, and how they are now.
Result<std::vector<JournalUnit>> note_units(const Plan& plan, UnitReader& reader);

// Of some of a run's units in their order. Stop at the first failure, of which one is that `end`,
// the run's own, has come: no job outlasts it.
using Units = std::span<const JournalUnit>;
Status quiesce_units(Units units, ServiceManager& services, const Clock& clock, BootTime end);
Status reload_systemd(ServiceManager& services, const Clock& clock, BootTime end);
Status activate_units(Units units, ServiceManager& services, const Clock& clock, BootTime end);

// Undo goes on at failures and says what they were. What does not stop is killed: nothing could be
// started again in its place.
std::vector<std::string> stop_units_for_undo(Units units, ServiceManager& services);
// After the files are back. `activated`: units were started or reloaded with the target's files.
std::vector<std::string> start_units_for_undo(Units units, bool activated,
                                              ServiceManager& services);
// Units that are not as they were before the run.
std::vector<std::string> units_unlike_origin(Units units, UnitReader& reader);

}  // namespace rollback
