// SPDX-License-Identifier: Apache-2.0
// What a run does to compose projects: services that the target does not run are stopped before the
// commit, what it runs is brought up with its files, and the way back. Used by the run thread.
#pragma once

#include <string>
#include <vector>

#include "agent/apply/journal_records.h"
#include "agent/apply/rollback.h"
#include "model/plan.h"

namespace rollback {

// The projects a plan acts on, in its order.
std::vector<JournalProject> note_projects(const Plan& plan, const HostState& origin,
                                          const HostState& target);
// How many of `units` the plan starts or reloads before it brings projects up.
std::uint32_t units_before_projects(const Plan& plan, const std::vector<JournalUnit>& units);

using Projects = std::vector<JournalProject>;

// Stop at the first failure; nothing outlasts `end`, the run's own.
Status quiesce_projects(const Projects& projects, const Live& live, const Clock& clock,
                        BootTime end);
Status activate_projects(const Projects& projects, const Live& live, const Clock& clock,
                         BootTime end);

// Undo goes on at failures and says what they were.
std::vector<std::string> stop_projects_for_undo(const Projects& projects, const Live& live);
// After the files are back. `activated`: projects may have been brought up with the target's.
std::vector<std::string> start_projects_for_undo(const Projects& projects, bool activated,
                                                 const Live& live);
// Projects of which other services run than before the run.
std::vector<std::string> projects_unlike_origin(const Projects& projects, const RunDeps& deps);

// Services that the target runs and that are not up, one line each, for the gate.
std::vector<std::string> services_down(const HostState& target, const RunDeps& deps);

}  // namespace rollback
