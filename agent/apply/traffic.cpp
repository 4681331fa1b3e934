// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/traffic.h"

#include <fmt/format.h>

#include <utility>

#include "agent/apply/unit_work.h"
#include "agent/plan/hook_steps.h"
#include "agent/platform/printable.h"

namespace rollback {

namespace {

constexpr std::size_t kToldLines = 10;
constexpr std::size_t kLongestLine = 512;  // bytes

}  // namespace

Status Traffic::drain(BootTime end) {
  if (hooks_.drain.empty()) return {};
  log_.info("taking the host out of traffic");
  drained_ = true;
  for (const auto& argv : hooks_.drain) {
    ROLLBACK_ASSIGN(const Duration time, time_for(command_text(argv), hooks_.timeout, clock_, end));
    const auto why = run(argv, time);
    if (why.empty()) continue;
    for (const auto& line : why) log_.finding("drain: " + line);
    return fail(ErrorCode::kConflict, "the host could not be taken out of traffic");
  }
  return {};
}

void Traffic::drain_for_undo() {
  if (std::exchange(drained_, true)) return;
  for (const auto& argv : hooks_.drain)
    for (const auto& line : run(argv, hooks_.timeout)) log_.warn("drain: " + line);
}

void Traffic::readmit() {
  drained_ = false;
  failed_ = false;
  for (const auto& argv : hooks_.readmit) {
    const auto why = run(argv, hooks_.timeout);
    for (const auto& line : why) log_.finding("readmit: " + line);
    if (why.empty()) continue;
    failed_ = true;
    log_.finding("the host may get no traffic until this succeeds: " + command_text(argv));
  }
  if (!hooks_.readmit.empty() && !failed_) log_.info("the host is back in traffic");
}

void Traffic::readmit_restored(const RunRecord& record, bool unfinished) {
  if (record.outcome != RunOutcome::kInconsistent && !unfinished) return readmit();
  for (const auto& argv : hooks_.readmit)
    log_.finding(std::string(kOutOfTraffic) + command_text(argv));
}

void Traffic::judge(RunRecord& record) const {
  if (failed_) record.exit_code = static_cast<int>(ExitCode::kInconsistent);
}

std::vector<std::string> Traffic::run(const std::vector<std::string>& argv, Duration deadline) {
  ProgramRequest request;
  request.argv = argv;
  request.deadline = deadline;
  const auto outcome = live_.programs.change(std::move(request));
  if (!outcome) return {outcome.error().message};
  if (outcome->exit_code == 0) return {};
  std::vector<std::string> why = {
      fmt::format("{} ended with {}", command_text(argv), outcome->exit_code)};
  for (auto& line : last_lines(outcome->output, kToldLines, kLongestLine))
    why.push_back(std::move(line));
  return why;
}

}  // namespace rollback
