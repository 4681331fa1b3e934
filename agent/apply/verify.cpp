// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/verify.h"

#include <fmt/format.h>

#include <map>

#include "agent/apply/unit_work.h"
#include "agent/plan/planner.h"

namespace rollback {

namespace {

std::map<std::string, const UnitState*> units_of(const HostState& state) {
  std::map<std::string, const UnitState*> units;
  for (const auto& resource : state.snapshot.resources)
    for (const auto& unit : resource.units) units.emplace(unit.name, &unit);
  return units;
}

// Device and inode of a process's program; /proc/PID/exe may name a path in the stage.
Result<FileStat> program_of(const Directory& root, std::uint32_t pid) {
  struct statx raw {};
  const auto path = fmt::format("proc/{}/exe", pid);
  const int result = root.calls().statx(root.fd(), path.c_str(), 0, STATX_BASIC_STATS, raw);
  if (result < 0) return fail_errno(-result, "look at /" + path);
  return to_file_stat(raw);
}

// The path whose pre-image in the stage is that program; "" when none is.
std::string replaced_program(const FileStat& program, const std::vector<FileOp>& ops,
                             const StageSet& stages) {
  for (const auto& op : ops) {
    if (op.origin != program.ino) continue;
    const auto stage = stages.at(op.stage);
    if (!stage) continue;
    const auto slot = (*stage)->find_stat(op.slot);
    if (slot && *slot && (*slot)->ino == program.ino && (*slot)->dev == program.dev) return op.path;
  }
  return "";
}

bool starts_or_stops(const PlanStep& step) {
  return step.action == StepAction::kStartUnit || step.action == StepAction::kStopUnit ||
         step.action == StepAction::kStartProject || step.action == StepAction::kStopProject;
}

}  // namespace

Result<std::vector<std::string>> compare_host(const RunDeps& deps, const HostState& wanted,
                                              const std::string& name, CaptureMemory& memory) {
  // Files, units and hard links: what differs is only looked for where something does.
  // A release that was recorded before a resource was configured has another root anyway.
  const bool other = wanted.snapshot.resources.size() != deps.resources.size();
  HostState live;
  if (!other) {
    MemorySink sink(memory, deps.clock.wall());
    ROLLBACK_ASSIGN(live,
                    capture(deps.root, deps.resources, sink, deps.readers, {},
                            {.target = &wanted.snapshot, .memory = &sink, .manifest = false}));
    if (live.content_root == wanted.content_root) return std::vector<std::string>{};
  }
  HashingSink sink;
  ROLLBACK_ASSIGN(live, capture(deps.root, deps.resources, sink, deps.readers, {},
                                {.target = &wanted.snapshot}));
  ROLLBACK_ASSIGN(const Plan plan, make_plan({live, wanted, name, name, deps.options.resources}));
  std::vector<std::string> found;
  for (const auto& step : plan.steps)
    if (step.phase == StepPhase::kCommit || starts_or_stops(step))
      found.push_back(step.subject + ": " + step.why);
  const auto now = units_of(live);
  for (const auto& [unit, state] : units_of(wanted)) {
    const auto there = now.find(unit);
    if (there != now.end() && there->second->enablement != state->enablement)
      found.push_back(fmt::format("{} is {}, in {} it is {}", unit, there->second->enablement, name,
                                  state->enablement));
  }
  return found;
}

std::vector<std::string> check_restarted(const RunDeps& deps, const JournalIntent& intent,
                                         const StageSet& stages) {
  std::vector<std::string> found;
  for (const auto& unit : intent.units) {
    if (unit.duty != UnitDuty::kRestart || !unit.was_active) continue;
    const auto info = deps.units.unit(unit.name);
    if (!info) {
      found.push_back(unit.name + ": " + info.error().message);
      continue;
    }
    if (!unit.invocation.empty() && info->invocation_id == unit.invocation)
      found.push_back(unit.name + " was not restarted");
    if (info->main_pid == 0) continue;
    const auto program = program_of(deps.root, info->main_pid);
    if (!program) continue;  // it ended meanwhile: the gate judges that
    const auto path = replaced_program(*program, intent.files, stages);
    if (!path.empty())
      found.push_back(fmt::format("{} (pid {}) still runs the {} that was replaced", unit.name,
                                  info->main_pid, path));
  }
  return found;
}

}  // namespace rollback
