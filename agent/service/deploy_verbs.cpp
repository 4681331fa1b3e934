// SPDX-License-Identifier: Apache-2.0
// deploy begin and deploy end, and what is done when nobody tells the end.
#include <fmt/format.h>

#include <charconv>

#include "agent/capture/capture.h"
#include "agent/service/verbs.h"
#include "core/bytes.h"

namespace rollback {

namespace {

constexpr std::size_t kMostStatus = 64 << 10U;

// The parent of a process; kNotFound when there is no such process.
Result<std::uint32_t> parent_process(const Directory& root, std::uint32_t pid) {
  ROLLBACK_ASSIGN(const Directory process,
                  root.open_directory(fmt::format("proc/{}", pid), Crossing::kAllow));
  ROLLBACK_ASSIGN(const File file, process.open_file("status"));
  ROLLBACK_ASSIGN(const std::string status, file.read_all(kMostStatus));
  constexpr std::string_view kField = "\nPPid:\t";
  const auto at = status.find(kField);
  std::uint32_t parent = 0;
  if (at == std::string::npos) return fail(ErrorCode::kNotFound, "a process without a parent");
  const char* const begin = status.data() + at + kField.size();
  std::from_chars(begin, status.data() + status.size(), parent);
  return parent;
}

// Only what belongs to who asks is put into a scope, where it can be ended.
Status check_child(const Directory& root, std::uint32_t pid, std::uint32_t asker) {
  if (pid == 0) return {};
  const auto parent = parent_process(root, pid);
  if (parent && asker != 0 && *parent == asker) return {};
  return fail(ErrorCode::kDenied,
              fmt::format("process {} is no child of the process that asks for a deploy", pid));
}

Result<DeployOrder> order_of(Host& host, const DeployBeginRequest& request, const Asked& asked) {
  ROLLBACK_ASSIGN(auto label, ReleaseLabel::parse(request.label));
  ROLLBACK_TRY(check_git_ref(request.git_ref));
  if (request.timeout <= Duration::zero())
    return fail(ErrorCode::kInvalid, "a deploy needs some time; give it more with --timeout");
  return DeployOrder{RunId::make(host.deps.random),
                     std::move(label),
                     request.git_ref,
                     asked.actor,
                     asked.reason,
                     request.pid,
                     request.timeout,
                     request.undo};
}

// What is left of a record when the run's own is not there.
RunRecord failed_record(const RunId& run, const Error& error) {
  RunRecord record;
  record.id = run;
  record.kind = RunKind::kDeploy;
  record.phase = RunPhase::kDone;
  record.outcome = RunOutcome::kRefused;
  record.exit_code = static_cast<int>(exit_code_of(error));
  record.findings = {error.message};
  return record;
}

void finish(Host& host, const RunId& run, const DeployEnd& end, const StreamPtr& stream) {
  host.hub.begin(run, stream);
  const auto record = host.deploys.end(end, host.hub);
  if (!record) return host.hub.finish(failed_record(run, record.error()), record.error());
  if (stream && record->outcome == RunOutcome::kSucceeded) prune_after_snapshot(host, *stream);
  host.hub.finish(*record, std::nullopt);
}

// What deploy_begin_verb would do, with all it would refuse.
Status tell_deploy(Host& host, const DeployBeginRequest& request, Stream& stream) {
  const auto& deps = host.deps;
  if (const auto holder = host.engine.holder())
    return fail(ErrorCode::kBusy, fmt::format("run {} holds this host; wait for it or `rollbackctl "
                                              "run abort {}`",
                                              holder->str(), holder->str()));
  HashingSink sink;
  CaptureProgress all;
  ROLLBACK_TRY(capture(deps.root, deps.resources, sink, deps.readers,
                       [&](const CaptureProgress& done) { all = done; }, {.manifest = false}));
  for (const auto& probe : deps.prober.round(deps.options.health))
    if (!probe.green && probe.required)
      stream.note(EventLevel::kWarning,
                  fmt::format("{} is red before the deploy: {}", probe.name, probe.answer));
  if (const auto damage = deps.snapshots.damage(); !damage.empty())
    stream.note(EventLevel::kWarning, "the release could not be recorded: " + damage);
  stream.note(EventLevel::kInfo,
              fmt::format("dry run: nothing was run; this host would be recorded as the way back, "
                          "{} files and {}, and held for at most {}",
                          all.files, format_bytes(all.bytes), format_duration(request.timeout)));
  stream.note(EventLevel::kInfo,
              fmt::format("what ends with a green gate is recorded as {}, anything else is {}",
                          request.label, request.undo ? "taken back" : "left as it is"));
  return {};
}

}  // namespace

void deploy_begin_verb(Host& host, const DeployBeginRequest& request, const Asked& asked,
                       const StreamPtr& stream) {
  const auto order = order_of(host, request, asked);
  if (!order) return stream->fail(ExitCode::kUsage, order.error());
  const auto refuse = [&](const Error& error) { stream->fail(exit_code_of(error), error); };
  if (const auto child = check_child(host.deps.root, request.pid, asked.pid); !child)
    return stream->fail(ExitCode::kDenied, child.error());
  if (const auto present = require_present(host.deps.options.resources, host.platform); !present)
    return refuse(present.error());
  if (request.dry_run) {
    const auto told = tell_deploy(host, request, *stream);
    return told ? stream->end(ExitCode::kDone, false) : refuse(told.error());
  }
  host.hub.begin(order->run, stream);
  const auto record = host.deploys.begin(*order, host.hub);
  if (!record) return host.hub.finish(failed_record(order->run, record.error()), record.error());
  host.hub.finish(*record, std::nullopt);
}

void deploy_end_verb(Host& host, const DeployEndRequest& request, const StreamPtr& stream) {
  const auto open = host.deploys.open();
  if (open && open->run.str().starts_with(request.run))
    return finish(
        host, open->run,
        {request.aborted, request.aborted ? std::nullopt : std::optional(request.exit_code), ""},
        stream);
  if (request.run.empty())
    return stream->fail(ExitCode::kRefused,
                        Error{ErrorCode::kNotFound, "no deploy is open on this host"});
  // Its end was decided by somebody else meanwhile: this is what became of it.
  const auto known = host.deps.runs.find(request.run);
  if (!known) return stream->fail(ExitCode::kRefused, known.error());
  host.hub.watch(known->id, 1, stream);
}

void look_after_deploy(Host& host) {
  const auto open = host.deploys.open();
  if (!open) return;
  if (const auto end = host.deploys.overdue()) finish(host, open->run, *end, nullptr);
}

}  // namespace rollback
