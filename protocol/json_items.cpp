// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "protocol/json_values.h"

namespace rollback::json {

namespace {

std::string_view to_string(EventLevel level) {
  switch (level) {
    case EventLevel::kInfo:
      return "info";
    case EventLevel::kWarning:
      return "warning";
    case EventLevel::kError:
      return "error";
  }
  return "unknown";
}

using rollback::to_string;

Json node(const Node& node) {
  Json json{{"type", to_string(node.kind)},
            {"mode", fmt::format("{:04o}", node.meta.mode)},
            {"user", text(node.user)},
            {"uid", node.meta.uid},
            {"group", text(node.group)},
            {"gid", node.meta.gid},
            {"mtime", time({node.meta.mtime_ns})}};
  if (node.kind == NodeKind::kFile) json["size"] = node.size;
  const bool concealed = node.kind == NodeKind::kSymlink && !node.content.is_none();
  if (node.kind == NodeKind::kFile || concealed) json["sha256"] = digest(node.content);
  if (node.sparse) json["sparse"] = true;
  if (node.kind == NodeKind::kDirectory) json["content_root"] = digest(node.root);
  if (node.kind == NodeKind::kSymlink && !concealed) json["target"] = text(node.target);
  for (const auto& [name, value] : node.meta.xattrs)
    json["xattrs"][escape_bytes(name)] =
        to_hex(reinterpret_cast<const std::uint8_t*>(value.data()), value.size());
  return json;
}

Json unit(const UnitState& unit) {
  return {{"name", text(unit.name)},
          {"active", unit.active},
          {"enablement", text(unit.enablement)},
          {"fragment", text(unit.fragment)},
          {"uses", texts(unit.uses)}};
}

Json probe(const ProbeResult& probe) {
  return {{"name", text(probe.name)},
          {"green", probe.green},
          {"required", probe.required},
          {"answer", text(probe.answer)},
          {"took_s", seconds(probe.took)}};
}

Json policy(const RolloutPolicy& policy) {
  const auto shortfall = [](ShortfallPolicy it) {
    return it == ShortfallPolicy::kFail ? "fail" : "skip";
  };
  Json batches = Json::array();
  for (const auto& batch : policy.batches) batches.push_back(batch.str());
  return {{"batches", batches},
          {"batch_wait_s", seconds(policy.batch_wait)},
          {"max_fail", policy.max_fail.str()},
          {"on_failure", to_string(policy.on_failure)},
          {"unready", shortfall(policy.unready)},
          {"missing", shortfall(policy.missing)},
          {"offline", shortfall(policy.offline)},
          {"timeout_s", seconds(policy.timeout)},
          {"confirm_timeout_s", seconds(policy.confirm)}};
}

}  // namespace

Json item(const Line& line) {
  return {{"level", to_string(line.level)}, {"text", text(line.text)}};
}

Json item(const RevisionItem& item) {
  const auto& revision = item.status.revision;
  Json facts = Json::object();
  for (const auto& fact : item.facts) facts[escape_bytes(fact.name)] = text(fact.value);
  return {{"name", text(revision.name.str())},
          {"status", to_string(item.status.status)},
          {"blocked", item.status.blocked},
          {"blocked_why", text(item.status.blocked_why)},
          {"pinned", item.status.pinned},
          {"current", item.current},
          {"healthy", revision.healthy},
          {"recorded", time(revision.recorded)},
          {"git_ref", text(revision.git_ref)},
          {"snapshot", digest(revision.snapshot.digest)},
          {"content_root", digest(revision.content_root)},
          {"files", item.counted ? Json(item.files) : Json(nullptr)},
          {"bytes", item.counted ? Json(item.bytes) : Json(nullptr)},
          {"facts", facts}};
}

Json item(const HistoryEntry& entry) {
  return {{"seq", entry.seq},
          {"time", time(entry.time)},
          {"action", to_string(entry.action)},
          {"actor", text(entry.actor)},
          {"reason", text(entry.reason)},
          {"from", text(entry.from)},
          {"to", text(entry.to)},
          {"run", text(entry.run)},
          {"outcome", to_string(entry.outcome)}};
}

Json item(const ResourceItem& item) {
  Json json{{"kind", to_string(item.resource.kind)},
            {"name", text(item.resource.name)},
            {"files", item.files},
            {"bytes", item.bytes},
            {"paths", Json::array()},
            {"units", Json::array()},
            {"facts", Json::object()},
            {"services", texts(item.resource.services)}};
  for (const auto& managed : item.resource.paths)
    json["paths"].push_back(
        {{"path", text(managed.path)}, {"node", managed.node ? node(*managed.node) : Json()}});
  for (const auto& state : item.resource.units) json["units"].push_back(unit(state));
  for (const auto& fact : item.resource.facts)
    json["facts"][escape_bytes(fact.name)] = text(fact.value);
  return json;
}

Json item(const PathItem& path) {
  Json json{{"path", text(path.path)}};
  if (path.special) {
    json["kind"] = "special";
    return json;
  }
  json.update(node(path.node));
  json["hard_links"] = path.hard_links;
  return json;
}

Json item(const DiffItem& diff) {
  return {{"path", text(diff.path)},
          {"change", text(diff.change)},
          {"differences", texts(diff.differences)},
          {"content", to_string(diff.content)},
          {"added_lines", diff.added_lines},
          {"removed_lines", diff.removed_lines},
          {"size_before", diff.size_before},
          {"size_after", diff.size_after},
          {"sha256_before", digest(diff.before)},
          {"sha256_after", digest(diff.after)},
          {"text", text(diff.text)}};
}

Json item(const PlanItem& item) {
  return {{"from", text(item.plan.from)},
          {"to", text(item.plan.to)},
          {"from_root", digest(item.plan.from_root)},
          {"to_root", digest(item.plan.to_root)},
          {"warnings", texts(item.plan.warnings)},
          {"digest", digest(item.digest)},
          {"estimate_s", seconds(item.estimate)},
          {"downtime_s", seconds(item.downtime)},
          {"drift", to_string(item.drift)}};
}

Json item(const PlanStep& step) {
  return {{"phase", to_string(step.phase)}, {"action", to_string(step.action)},
          {"subject", text(step.subject)},  {"resource", text(step.resource)},
          {"why", text(step.why)},          {"reverse", text(step.reverse)}};
}

Json item(const EventItem& item) {
  return {{"run", id(item.run)},
          {"seq", item.event.seq},
          {"time", time(item.event.time)},
          {"phase", to_string(item.event.phase)},
          {"level", to_string(item.event.level)},
          {"text", text(item.event.text)}};
}

Json item(const RunRecord& run) {
  Json json{{"id", id(run.id)},
            {"kind", to_string(run.kind)},
            {"actor", text(run.actor)},
            {"reason", text(run.reason)},
            {"from", text(run.from)},
            {"to", text(run.to)},
            {"plan_digest", digest(run.plan_digest)},
            {"started", time(run.started)},
            {"finished", time(run.finished)},
            {"phase", to_string(run.phase)},
            {"outcome", to_string(run.outcome)},
            {"changed", run.changed},
            {"exit_code", run.exit_code},
            {"findings", texts(run.findings)},
            {"phases", phases(run.times)}};
  if (run.command_exit) json["command_exit"] = *run.command_exit;
  return json;
}

Json item(const Prepared& prepared) {
  return {{"run", id(prepared.run)},
          {"plan_digest", digest(prepared.plan_digest)},
          {"changed", prepared.changed},
          {"steps", prepared.steps},
          {"estimate_s", seconds(prepared.estimate)}};
}

Json item(const HealthItem& health) {
  Json probes = Json::array();
  for (const auto& it : health.probes) probes.push_back(probe(it));
  return {{"verdict", to_string(health.verdict)}, {"time", time(health.time)}, {"probes", probes}};
}

Json item(const StatusItem& status) {
  return {{"id", id(status.id)},
          {"name", text(status.host)},
          {"version", text(status.version)},
          {"release", text(status.release)},
          {"snapshot", digest(status.snapshot.digest)},
          {"health", to_string(status.health)},
          {"store", text(status.store)},
          {"run", text(status.run)},
          {"run_phase", to_string(status.run_phase)},
          {"link", text(status.link)},
          {"uptime_s", seconds(status.uptime)},
          {"verified", time(status.verified)},
          {"reserve", text(status.reserve)}};
}

Json item(const HostItem& host) {
  return {{"id", id(host.id)},
          {"name", text(host.name)},
          {"fingerprint", text(host.fingerprint)},
          {"admission", to_string(host.admission)},
          {"labels", labels(host.labels)},
          {"online", host.online},
          {"last_seen", time(host.last_seen)},
          {"status", item(host.status)},
          {"health", item(host.health)}};
}

Json item(const RolloutRecord& rollout) {
  Json hosts = Json::array();
  for (const auto& host : rollout.hosts) hosts.push_back(item(host));
  return {{"id", id(rollout.id)},
          {"to", text(rollout.to)},
          {"actor", text(rollout.actor)},
          {"reason", text(rollout.reason)},
          {"policy", policy(rollout.policy)},
          {"state", to_string(rollout.state)},
          {"wave", rollout.wave},
          {"next_wave", time(rollout.next_wave)},
          {"aborted", rollout.aborted},
          {"dry_run", rollout.dry_run},
          {"started", time(rollout.started)},
          {"resumed", time(rollout.resumed)},
          {"finished", time(rollout.finished)},
          {"exit_code", rollout.exit_code},
          {"hosts", hosts}};
}

Json item(const RolloutHost& host) {
  return {{"id", id(host.id)},
          {"name", text(host.name)},
          {"phase", to_string(host.phase)},
          {"run_phase", to_string(host.run_phase)},
          {"wave", host.wave},
          {"changed", host.changed},
          {"attempts", host.attempts},
          {"plan_digest", digest(host.plan_digest)},
          {"findings", texts(host.findings)},
          {"phases", phases(host.times)}};
}

Json item(const End& end) {
  Json json{{"exit_code", static_cast<int>(end.exit_code)}, {"changed", end.changed}};
  if (end.error)
    json["error"] = {{"code", to_string(end.error->code)}, {"message", text(end.error->message)}};
  return json;
}

}  // namespace rollback::json
