// SPDX-License-Identifier: Apache-2.0
#include "cli/output/rows.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "cli/output/store_rows.h"
#include "core/overloaded.h"

namespace rollback {

namespace {

std::string joined(const std::vector<std::string>& texts, const char* separator) {
  return printable(fmt::format("{}", fmt::join(texts, separator)));
}

std::string flags_of(const RevisionStatus& status) {
  if (status.blocked && status.pinned) return " (blocked, pinned)";
  return status.blocked ? " (blocked)" : status.pinned ? " (pinned)" : "";
}

Row revision_row(const Session& session, const Reply& reply, const RevisionItem& item) {
  const auto& revision = item.status.revision;
  return {"revisions",
          {"HOST", "RELEASE", "STATUS", "RECORDED", "SNAPSHOT", "GIT"},
          {{printable(reply.host)},
           {revision.name.str(), item.current ? Tone::kStrong : Tone::kPlain},
           {fmt::format("{}{}", to_string(item.status.status), flags_of(item.status)),
            item.current ? Tone::kGood : Tone::kPlain},
           {time_text(revision.recorded, session.utc)},
           {revision.snapshot.short_str()},
           {printable(revision.git_ref)}}};
}

Row history_row(const Session& session, const Reply& reply, const HistoryEntry& entry) {
  return {"history",
          {"HOST", "SEQ", "TIME", "ACTION", "FROM", "TO", "OUTCOME", "BY", "WHY"},
          {{printable(reply.host)},
           {std::to_string(entry.seq)},
           {time_text(entry.time, session.utc)},
           {std::string(to_string(entry.action))},
           {entry.from},
           {entry.to},
           {std::string(to_string(entry.outcome)), tone_of(entry.outcome)},
           {printable(entry.actor)},
           {printable(entry.reason)}}};
}

Row host_row(const Session& session, const HostItem& item) {
  const bool online = item.online;
  const bool accepted = item.admission == Admission::kAccepted;
  return {
      "hosts",
      {"HOST", "STATE", "RELEASE", "HEALTH", "FINGERPRINT"},
      {{printable(item.name)},
       {accepted ? (online ? "online" : "offline since " + time_text(item.last_seen, session.utc))
                 : std::string(to_string(item.admission)),
        accepted && !online ? Tone::kBad
        : accepted          ? Tone::kGood
                            : Tone::kWarn},
       {item.status.release.empty() ? "-" : item.status.release},
       {std::string(to_string(item.health.verdict)), tone_of(item.health.verdict)},
       {item.fingerprint}}};
}

Row rollout_host_row(const RolloutHost& host) {
  return {"rollout-hosts",
          {"HOST", "WAVE", "STATE", "WHY"},
          {{printable(host.name)},
           {host.wave == 0 ? "-" : std::to_string(host.wave)},
           {std::string(to_string(host.phase)), tone_of(host.phase)},
           {joined(host.findings, "; ")}}};
}

Row resource_row(const Reply& reply, const ResourceItem& item) {
  std::vector<std::string> units;
  for (const auto& unit : item.resource.units)
    units.push_back(unit.name + (unit.active ? " (active, " : " (inactive, ") + unit.enablement +
                    ")");
  std::vector<std::string> paths;
  for (const auto& path : item.resource.paths)
    paths.push_back(path.path + (path.node ? "" : " (absent)"));
  return {"resources",
          {"HOST", "RESOURCE", "FILES", "SIZE", "UNITS", "PATHS"},
          {{printable(reply.host)},
           {fmt::format("{}/{}", to_string(item.resource.kind), item.resource.name)},
           {std::to_string(item.files)},
           {size_text(item.bytes)},
           {joined(units, ", ")},
           {joined(paths, " ")}}};
}

Row status_row(const Session& session, const StatusItem& item) {
  const bool verified = item.verified.ns != 0;
  return {"status",
          {"HOST", "RELEASE", "HEALTH", "RUN", "VERIFIED", "STORE", "COORDINATOR"},
          {{printable(item.host)},
           {item.release.empty() ? "-" : item.release},
           {std::string(to_string(item.health)), tone_of(item.health)},
           {item.run.empty() ? "-" : fmt::format("{} ({})", item.run, to_string(item.run_phase))},
           {verified ? time_text(item.verified, session.utc) : ""},
           {printable(item.store), item.store == "ok" ? Tone::kGood : Tone::kBad},
           {printable(item.link)}}};
}

}  // namespace

Tone tone_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kHealthy:
      return Tone::kGood;
    case Verdict::kDegraded:
      return Tone::kWarn;
    case Verdict::kUnhealthy:
      return Tone::kBad;
    case Verdict::kUnknown:
      return Tone::kDim;
  }
  return Tone::kPlain;
}

Tone tone_of(RunOutcome outcome) noexcept {
  switch (outcome) {
    case RunOutcome::kSucceeded:
      return Tone::kGood;
    case RunOutcome::kRunning:
    case RunOutcome::kForgotten:
      return Tone::kPlain;
    case RunOutcome::kRefused:
      return Tone::kWarn;
    case RunOutcome::kRestored:
    case RunOutcome::kInconsistent:
      return Tone::kBad;
  }
  return Tone::kPlain;
}

Tone tone_of(HostPhase phase) noexcept {
  switch (phase) {
    case HostPhase::kDone:
      return Tone::kGood;
    case HostPhase::kRestored:
    case HostPhase::kInconsistent:
    case HostPhase::kUnknown:
      return Tone::kBad;
    case HostPhase::kUnready:
    case HostPhase::kMissing:
    case HostPhase::kOffline:
    case HostPhase::kUndone:
    case HostPhase::kUndoing:
      return Tone::kWarn;
    default:
      return Tone::kPlain;
  }
}

std::optional<Row> times_row_of(const Reply& reply) {
  static constexpr std::array<std::pair<RunPhase, const char*>, 9> kColumns = {{
      {RunPhase::kPlanned, "PLAN"},
      {RunPhase::kPreflight, "CHECK"},
      {RunPhase::kStaged, "STAGE"},
      {RunPhase::kQuiescing, "STOP"},
      {RunPhase::kCommitting, "COMMIT"},
      {RunPhase::kActivating, "START"},
      {RunPhase::kGating, "GATE"},
      {RunPhase::kVerifying, "VERIFY"},
      {RunPhase::kUndoing, "UNDO"},
  }};
  const auto* const host = std::get_if<RolloutHost>(&reply.body);
  if (host == nullptr || host->times.empty()) return std::nullopt;
  Row row{"rollout-times", {"HOST"}, {{printable(host->name)}}};
  for (const auto& [phase, title] : kColumns) {
    Duration took{};
    for (const auto& time : host->times)
      if (time.phase == phase) took += time.took;
    row.head.push_back(title);
    row.cells.push_back({took > Duration::zero() ? format_duration(took) : ""});
  }
  return row;
}

Row row_of(const Session& session, const Reply& reply) {
  return std::visit(
      Overloaded{
          [&](const RevisionItem& item) { return revision_row(session, reply, item); },
          [&](const HistoryEntry& entry) { return history_row(session, reply, entry); },
          [&](const ResourceItem& item) { return resource_row(reply, item); },
          [&](const StatusItem& item) { return status_row(session, item); },
          [&](const HostItem& item) { return host_row(session, item); },
          [&](const RolloutHost& host) { return rollout_host_row(host); },
          [&](const PathItem& item) {
            const auto& node = item.node;
            return Row{
                "paths",
                {"HOST", "KIND", "MODE", "OWNER", "SIZE", "PATH"},
                {{printable(reply.host)},
                 {std::string(to_string(node.kind))},
                 {fmt::format("{:04o}", node.meta.mode)},
                 {fmt::format("{}:{}",
                              node.user.empty() ? std::to_string(node.meta.uid) : node.user,
                              node.group.empty() ? std::to_string(node.meta.gid) : node.group)},
                 {node.kind == NodeKind::kFile ? size_text(node.size) : "-"},
                 {printable(item.path + (node.target.empty() ? "" : " -> " + node.target))}}};
          },
          [&](const PlanStep& step) {
            return Row{"steps",
                       {"HOST", "PHASE", "STEP", "WHAT", "WHY", "REVERSE"},
                       {{printable(reply.host)},
                        {std::string(to_string(step.phase))},
                        {std::string(to_string(step.action))},
                        {printable(step.subject)},
                        {printable(step.why)},
                        {printable(step.reverse)}}};
          },
          [&](const HealthItem& item) {
            std::vector<std::string> red;
            for (const auto& probe : item.probes)
              if (!probe.green) red.push_back(probe.name + ": " + probe.answer);
            return Row{"health",
                       {"HOST", "HEALTH", "WHY"},
                       {{printable(reply.host)},
                        {std::string(to_string(item.verdict)), tone_of(item.verdict)},
                        {red.empty() ? std::to_string(item.probes.size()) + " probes green"
                                     : joined(red, "; ")}}};
          },
          [&](const Prepared& item) {
            return Row{"prepared",
                       {"HOST", "STEPS", "ESTIMATE", "PLAN"},
                       {{printable(reply.host)},
                        {item.changed ? std::to_string(item.steps) : "nothing to do"},
                        {format_duration(item.estimate)},
                        {item.plan_digest.hex().substr(0, 12)}}};
          },
          [&](const auto&) {
            return store_row_of(reply).value_or(Row{"other", {""}, {{""}}});
          },
      },
      reply.body);
}

}  // namespace rollback
