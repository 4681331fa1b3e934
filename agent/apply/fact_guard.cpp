// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/fact_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/capture/facts.h"
#include "protocol/records.h"

namespace rollback {

namespace {

bool is_accepted(const PrepareOrder& order, const std::string& name) {
  const auto& names = order.accept_facts;
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status check_accepted(const RunDeps& deps, const PrepareOrder& order) {
  for (const auto& name : order.accept_facts) {
    const auto is_it = [&](const FactSpec& spec) { return spec.name == name; };
    if (std::none_of(deps.options.facts.begin(), deps.options.facts.end(), is_it))
      return fail(ErrorCode::kInvalid,
                  "agent.yaml has no fact '" + name + "', so there is nothing to accept");
  }
  return {};
}

// What was true with the release and is not now; "" when nothing.
std::string differs(const std::string& name, const std::string& then, const std::string& to,
                    const Result<std::string>& now) {
  if (!now)
    return fmt::format("the fact {}, which was {} with {}, cannot be read now: {}", name, then, to,
                       now.error().message);
  if (*now == then) return "";
  return fmt::format("the fact {} is {} now and was {} with {}: data may not fit", name, *now, then,
                     to);
}

}  // namespace

Status check_facts(const RunDeps& deps, const PrepareOrder& order, Comparison& comparison,
                   RunLog& log) {
  ROLLBACK_TRY(check_accepted(deps, order));
  const auto& recorded = comparison.target.snapshot.facts;
  const auto& to = comparison.plan.to;
  auto& live = comparison.origin.state.snapshot.facts;
  std::string problems;
  std::string options;
  for (const auto& spec : deps.options.facts) {
    const auto now = read_fact(spec, deps.programs);
    if (now) live.push_back({spec.name, *now});
    const auto* const then = find_fact(recorded, spec.name);
    if (then == nullptr) {
      log.warn(fmt::format("{} was recorded without the fact {}: whether data fits, nobody can say",
                           to, spec.name));
      continue;
    }
    const auto problem = differs(spec.name, *then, to, now);
    if (problem.empty()) continue;
    if (is_accepted(order, spec.name)) {
      log.warn(problem + " (accepted)");
      continue;
    }
    problems += (problems.empty() ? "" : "; ") + problem;
    options += (options.empty() ? "" : " ") + ("--accept-fact " + spec.name);
  }
  std::sort(live.begin(), live.end(), [](const Fact& a, const Fact& b) { return a.name < b.name; });
  ROLLBACK_ASSIGN(const auto bytes, encode_snapshot(comparison.origin.state.snapshot));
  comparison.origin.state.id = snapshot_id(bytes);
  if (problems.empty()) return {};
  return fail(ErrorCode::kConflict, fmt::format("{}; {} goes on", problems, options));
}

}  // namespace rollback
