// SPDX-License-Identifier: Apache-2.0
// Answers that are printed as lines, at once.
#include <fmt/format.h>

#include <utility>

#include "cli/output/release_text.h"
#include "cli/output/rows.h"
#include "cli/output/store_rows.h"
#include "core/overloaded.h"

namespace rollback {

namespace {

Tone tone_of(EventLevel level) {
  return level == EventLevel::kError     ? Tone::kBad
         : level == EventLevel::kWarning ? Tone::kWarn
                                         : Tone::kPlain;
}

std::string prefix(const Reply& reply) {
  return reply.host.empty() ? "" : printable(reply.host) + ": ";
}

std::string run_text(const Session& session, const Reply& reply, const RunRecord& run) {
  const Terminal& terminal = session.terminal;
  std::string text = fmt::format("{}run {} ({}{}{}): {}", prefix(reply), run.id.str(),
                                 to_string(run.kind), run.from.empty() ? "" : " from " + run.from,
                                 run.to.empty() ? "" : " to " + run.to,
                                 toned(terminal, tone_of(run.outcome), to_string(run.outcome)));
  if (run.outcome == RunOutcome::kSucceeded && !run.changed) text += ", there was nothing to do";
  if (run.finished.ns > run.started.ns)
    text += " in " + format_duration(run.finished - run.started);
  text += '\n';
  if (const auto times = times_text(run.times); !times.empty()) text += "  " + times + '\n';
  for (const auto& finding : run.findings) text += "  " + printable(finding) + '\n';
  return text;
}

// An estimate has no hundredths.
std::string rough_text(Duration time) {
  using std::chrono::milliseconds;
  const auto ms = std::chrono::duration_cast<milliseconds>(time).count();
  if (ms < 1000) return fmt::format("{} ms", (ms + 9) / 10 * 10);
  const auto seconds = (ms + 500) / 1000;
  if (seconds < 60) return fmt::format("{} s", seconds);
  return fmt::format("{} min{}", seconds / 60,
                     seconds % 60 == 0 ? "" : fmt::format(" {} s", seconds % 60));
}

std::string plan_text(const Session& session, const Reply& reply, const PlanItem& item) {
  std::string text =
      fmt::format("{}plan {}: {} -> {}\n", prefix(reply), item.digest.hex().substr(0, 12),
                  item.plan.from.empty() ? "(unrecorded)" : item.plan.from, item.plan.to);
  if (item.estimate > Duration::zero()) {
    text += fmt::format("  about {} of the {} budget", rough_text(item.estimate),
                        rough_text(session.budget));
    if (item.downtime > Duration::zero())
      text += fmt::format("; what restarts is down for about {}", rough_text(item.downtime));
    text += '\n';
  }
  for (const auto& warning : item.plan.warnings)
    text += toned(session.terminal, Tone::kWarn, "  warning: " + printable(warning)) + '\n';
  return text;
}

std::string rollout_text(const Session& session, const RolloutRecord& rollout) {
  std::string text =
      fmt::format("rollout {} to {}: {}", rollout.id.str(), rollout.to, to_string(rollout.state));
  if (rollout.finished.ns > rollout.started.ns)
    text += " after " + format_duration(rollout.finished - rollout.started);
  text = toned(session.terminal, Tone::kStrong, text) + '\n';
  if (rollout.state == RolloutState::kPaused)
    text += fmt::format(
        "Nothing more happens until you choose:\n"
        "  rollbackctl fleet run resume {0}   go on with the next wave\n"
        "  rollbackctl fleet run undo {0}     take back the hosts that were changed\n"
        "  rollbackctl fleet run abort {0}    leave everything as it is now\n",
        rollout.id.str());
  return text;
}

}  // namespace

std::string times_text(const std::vector<PhaseTime>& times) {
  std::string text;
  for (const auto& time : times)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(time.phase),
                        format_duration(time.took));
  return text;
}

std::optional<Printed> line_of(const Session& session, const Reply& reply) {
  const auto& terminal = session.terminal;
  return std::visit(
      Overloaded{
          [&](const Line& line) -> std::optional<Printed> {
            return Printed{
                prefix(reply) + toned(terminal, tone_of(line.level), printable(line.text)) + '\n',
                true};
          },
          [&](const EventItem& item) -> std::optional<Printed> {
            return Printed{
                fmt::format("{}{:<11} {}\n", prefix(reply), to_string(item.event.phase),
                            toned(terminal, tone_of(item.event.level), printable(item.event.text))),
                true};
          },
          [&](const RunRecord& run) -> std::optional<Printed> {
            return Printed{run_text(session, reply, run), false};
          },
          [&](const PlanItem& item) -> std::optional<Printed> {
            return Printed{plan_text(session, reply, item), false};
          },
          [&](const DiffItem& item) -> std::optional<Printed> {
            return Printed{prefix(reply) + diff_text(session, item), false};
          },
          [&](const RevisionItem& item) -> std::optional<Printed> {
            if (!item.counted) return std::nullopt;
            return Printed{prefix(reply) + revision_text(session, item), false};
          },
          [&](const PathItem& item) -> std::optional<Printed> {
            return Printed{prefix(reply) + path_text(session, item), false};
          },
          [&](const RolloutRecord& rollout) -> std::optional<Printed> {
            return Printed{rollout_text(session, rollout), false};
          },
          [&](const auto&) { return store_line_of(session, reply); },
      },
      reply.body);
}

}  // namespace rollback
