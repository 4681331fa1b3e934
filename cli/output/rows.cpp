// SPDX-License-Identifier: Apache-2.0
#include "cli/output/rows.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "cli/output/release_text.h"
#include "cli/output/store_rows.h"
#include "core/overloaded.h"

namespace rollback {

namespace {

std::string joined(const std::vector<std::string>& texts, const char* separator) {
  return printable(fmt::format("{}", fmt::join(texts, separator)));
}

Row revision_row(const Session& session, const Reply& reply, const RevisionItem& item) {
  const auto& revision = item.status.revision;
  return {"revisions",
          {"HOST", "RELEASE", "STATUS", "RECORDED", "SNAPSHOT", "GIT", "MARKS"},
          {{printable(reply.host)},
           {revision.name.str(), item.current ? Tone::kStrong : Tone::kPlain, true},
           {std::string(to_string(item.status.status)), item.current ? Tone::kGood : Tone::kPlain,
            true},
           {time_text(revision.recorded, session.utc), Tone::kPlain, true},
           {revision.snapshot.short_str()},
           {printable(revision.git_ref)},
           {marks_text(item.status), item.status.blocked ? Tone::kWarn : Tone::kPlain, true}}};
}

Row history_row(const Session& session, const Reply& reply, const HistoryEntry& entry) {
  // From where matters only to what moved the host, and what succeeded goes without saying: the
  // line then has room for who and why.
  const bool moved = !entry.from.empty() && entry.action != HistoryAction::kSnapshot;
  const bool succeeded = entry.outcome == RunOutcome::kSucceeded;
  return {"history",
          {"HOST", "SEQ", "TIME", "ACTION", "RELEASE", "OUTCOME", "BY", "WHY"},
          {{printable(reply.host)},
           {std::to_string(entry.seq)},
           {time_text(entry.time, session.utc), Tone::kPlain, true},
           {std::string(to_string(entry.action))},
           {moved ? entry.from + " -> " + entry.to : entry.to, Tone::kPlain, true},
           {succeeded ? "" : std::string(to_string(entry.outcome)), tone_of(entry.outcome)},
           {printable(entry.actor)},
           {printable(entry.reason), Tone::kPlain, true}}};
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

// What changes and why must not be cut; on a narrow terminal the rest makes way for it.
Row step_row(const Session& session, const Reply& reply, const PlanStep& step) {
  constexpr std::size_t kWide = 120;
  const bool wide = !session.terminal.out || session.terminal.width >= kWide;
  return {"steps",
          {"HOST", "PHASE", "STEP", "WHAT", "WHY", "REVERSE"},
          {{printable(reply.host)},
           {wide ? std::string(to_string(step.phase)) : ""},
           {std::string(to_string(step.action))},
           {printable(step.subject), Tone::kPlain, true},
           {printable(step.why), Tone::kPlain, true},
           {wide ? printable(step.reverse) : ""}}};
}

std::string resource_name(const ResourceItem& item) {
  return printable(fmt::format("{}/{}", to_string(item.resource.kind), item.resource.name));
}

Row resource_row(const Reply& reply, const ResourceItem& item) {
  std::vector<std::string> paths;
  for (const auto& path : item.resource.paths)
    paths.push_back(path.path + (path.node ? "" : " (absent)"));
  return {"resources",
          {"HOST", "RESOURCE", "FILES", "SIZE", "PATHS"},
          {{printable(reply.host)},
           {resource_name(item)},
           {count_text(item.files)},
           {size_text(item.bytes)},
           {joined(paths, " "), Tone::kPlain, true}}};
}

Row unit_row(const Reply& reply, const ResourceItem& item, const UnitState& unit) {
  return {"units",
          {"HOST", "UNIT", "STATE", "ENABLED", "RESOURCE", "FRAGMENT"},
          {{printable(reply.host)},
           {printable(unit.name)},
           {unit.active ? "active" : "inactive", unit.active ? Tone::kGood : Tone::kPlain},
           {printable(unit.enablement)},
           {resource_name(item)},
           {printable(unit.fragment), Tone::kPlain, true}}};
}

Row service_row(const Reply& reply, const ResourceItem& item, const std::string& service) {
  return {"services",
          {"HOST", "SERVICE", "STATE", "RESOURCE"},
          {{printable(reply.host)},
           {printable(service)},
           {"running", Tone::kGood},
           {resource_name(item)}}};
}

Row fact_row(const Reply& reply, const std::string& resource, const Fact& fact) {
  return {"facts",
          {"HOST", "FACT", "RESOURCE", "VALUE"},
          {{printable(reply.host)},
           {printable(fact.name)},
           {resource},
           {printable(fact.value), Tone::kPlain, true}}};
}

Row status_row(const Session& session, const StatusItem& item) {
  const bool verified = item.verified.ns != 0;
  return {"status",
          {"HOST", "RELEASE", "HEALTH", "RUN", "VERIFIED", "STORE", "RESERVE", "COORDINATOR"},
          {{printable(item.host)},
           {item.release.empty() ? "-" : item.release},
           {std::string(to_string(item.health)), tone_of(item.health)},
           {item.run.empty() ? "-" : fmt::format("{} ({})", item.run, to_string(item.run_phase))},
           {verified ? time_text(item.verified, session.utc) : ""},
           {printable(item.store), item.store == "ok" ? Tone::kGood : Tone::kBad},
           {printable(item.reserve), Tone::kWarn},
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
    case RunOutcome::kFailed:
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

namespace {

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

}  // namespace

std::vector<Row> further_rows_of(const Reply& reply) {
  std::vector<Row> rows;
  if (auto times = times_row_of(reply)) rows.push_back(*std::move(times));
  const auto* const item = std::get_if<ResourceItem>(&reply.body);
  if (item == nullptr) return rows;
  for (const auto& unit : item->resource.units) rows.push_back(unit_row(reply, *item, unit));
  for (const auto& service : item->resource.services)
    rows.push_back(service_row(reply, *item, service));
  for (const auto& fact : item->resource.facts)
    rows.push_back(fact_row(reply, resource_name(*item), fact));
  return rows;
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
          [&](const PlanStep& step) { return step_row(session, reply, step); },
          [&](const HealthItem& item) {
            std::vector<std::string> red;
            for (const auto& probe : item.probes)
              if (!probe.green) red.push_back(probe.name + ": " + probe.answer);
            return Row{"health",
                       {"HOST", "HEALTH", "WHY"},
                       {{printable(reply.host)},
                        {std::string(to_string(item.verdict)), tone_of(item.verdict)},
                        {red.empty() ? std::to_string(item.probes.size()) + " probes green"
                                     : joined(red, "; "),
                         Tone::kPlain, true}}};
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
