// SPDX-License-Identifier: Apache-2.0
#include "agent/health/probes.h"

#include <fmt/format.h>

#include <thread>

#include "agent/health/web_probes.h"
#include "agent/platform/printable.h"

namespace rollback {

namespace {

constexpr std::size_t kMaxAnswer = 1024;

void ask_unit(const ProbeSpec& spec, UnitReader& units, ProbeResult& result) {
  const auto unit = units.unit(spec.target, spec.timeout);
  if (!unit) {
    result.answer = unit.error().message;
    return;
  }
  const bool runs = unit->active_state == "active" || unit->active_state == "reloading";
  result.green = unit->load_state == "loaded" && runs;
  result.answer = describe_state(*unit);
}

void ask_program(const ProbeSpec& spec, ProgramRunner& programs, ProbeResult& result) {
  ProgramRequest request;
  request.argv = spec.argv;
  request.deadline = spec.timeout;
  const auto outcome = programs.run(request);
  if (!outcome) {
    result.answer = outcome.error().message;
    return;
  }
  result.green = outcome->exit_code == 0;
  result.answer = fmt::format("exit status {}", outcome->exit_code);
  // The line that most likely says why.
  for (const auto& line : last_lines(outcome->output, 1, kMaxAnswer))
    result.answer += fmt::format(": {}", line);
}

bool is_web(const ProbeSpec& spec) {
  return spec.kind == ProbeKind::kHttp || spec.kind == ProbeKind::kTcp ||
         spec.kind == ProbeKind::kReach;
}

}  // namespace

std::vector<ProbeResult> HostProber::round(const std::vector<ProbeSpec>& specs) {
  std::vector<ProbeSpec> web;
  for (const auto& spec : specs)
    if (is_web(spec)) web.push_back(spec);
  std::vector<ProbeResult> web_results;
  std::thread web_thread;
  if (!web.empty()) web_thread = std::thread([&] { web_results = ask_web(web, clock_); });

  std::vector<ProbeResult> results;
  for (const auto& spec : specs) {
    auto& result = results.emplace_back(ProbeResult{spec.name, false, spec.required, "", {}});
    if (is_web(spec)) continue;
    const BootTime begin = clock_.boot();
    if (spec.kind == ProbeKind::kUnit)
      ask_unit(spec, units_, result);
    else
      ask_program(spec, programs_, result);
    result.took = clock_.boot() - begin;
    result.answer = printable_line(result.answer, kMaxAnswer);
  }

  if (web_thread.joinable()) web_thread.join();
  auto answered = web_results.begin();
  for (std::size_t i = 0; i < specs.size(); ++i)
    if (is_web(specs[i])) results[i] = std::move(*answered++);
  return results;
}

}  // namespace rollback
