// SPDX-License-Identifier: Apache-2.0
#include "agent/service/door.h"

#include <algorithm>
#include <utility>

#include "agent/service/side.h"
#include "core/overloaded.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"

namespace rollback {

namespace {

constexpr Duration kReading = std::chrono::seconds(60);
// Its texts have a time of their own; two large releases are loaded and listed besides.
constexpr Duration kComparing = std::chrono::minutes(10);
constexpr Duration kCapturing = std::chrono::minutes(30);
// A run's own timeout bounds it; undo is never cut, so the watchdog waits longer.
constexpr Duration kBeyondTimeout = std::chrono::minutes(15);

// Nothing but an archive's bytes comes or goes through a descriptor.
Status check_descriptor(const CommandBody& body, const Descriptor& descriptor) {
  const bool wanted =
      std::holds_alternative<ExportRequest>(body) || std::holds_alternative<ImportRequest>(body);
  if (wanted == bool(descriptor)) return {};
  return fail(ErrorCode::kInvalid,
              "'" + std::string(name_of(body)) +
                  (wanted ? "' needs the archive's descriptor; use 'rollbackctl " +
                                std::string(name_of(body)) + "' on this host"
                          : "' takes no descriptor"));
}

Status check_confirm(Duration window) {
  if (window >= Duration::zero() && window <= kLongestConfirm) return {};
  return fail(ErrorCode::kInvalid,
              "--confirm-timeout is at most " + format_duration(kLongestConfirm));
}

}  // namespace

Door::Door(Host& host, Outbox& outbox, std::function<std::string()> link_state)
    : host_(host), outbox_(outbox), link_state_(std::move(link_state)) {}

Door::~Door() {
  for (const auto& transfer : transfers_)
    if (const auto passed = transfer.passed.lock()) passed->gone = true;
}

void Door::closed(const Destination& destination) {
  host_.hub.forget(destination);
  host_.scrubs.forget(destination);
  std::erase_if(transfers_, [&](const Transfer& transfer) {
    const auto passed = transfer.passed.lock();
    if (passed && transfer.asker == destination) passed->gone = true;
    return !passed || passed->gone;
  });
}

bool Door::handle(const Principal& sender, std::string_view envelope, const Destination& from,
                  Descriptor descriptor) {
  const auto opened = decode_envelope(envelope);
  auto command = opened ? decode_command(opened->payload) : tl::unexpected(opened.error());
  if (!command) {
    ++refusals_.malformed;
    return false;
  }
  const auto stream = std::make_shared<Stream>(outbox_, from, command->id);
  Status allowed = may_send(Receiver::kAgent, sender, command->body);
  if (allowed && sender.role == Role::kCoordinator) allowed = accept_from_coordinator(*command);
  if (!allowed) {
    ++refusals_.denied;
    stream->fail(ExitCode::kDenied, allowed.error());
    return true;
  }
  if (const auto fits = check_descriptor(command->body, descriptor); !fits) {
    ++refusals_.malformed;
    stream->fail(ExitCode::kUsage, fits.error());
    return true;
  }
  Asked asked;
  asked.actor = sender.role == Role::kCoordinator ? "coordinator: " + command->actor : sender.name;
  asked.reason = command->reason;
  asked.command = command->id;
  asked.pid = sender.pid;
  dispatch(*command, {asked, stream, " by " + asked.actor,
                      descriptor ? std::make_shared<Passed>(std::move(descriptor)) : nullptr});
  return true;
}

Status Door::accept_from_coordinator(const Command& command) {
  latest_ = std::max(latest_, host_.deps.clock.wall());
  // A store that is damaged or full must not keep the fleet from taking this host back: then the
  // mark is known only as long as this agent runs, and what was sent before expires by its time.
  const bool stored = host_.database.takes_writes();
  const auto known = host_.deps.runs.replay_mark();
  if (!known && stored) return Failure(known.error());
  if (known && std::pair(known->epoch, known->seq) > std::pair(mark_.epoch, mark_.seq))
    mark_ = *known;
  const auto& fleet = host_.deps.options.fleet;  // "" is any fleet whose coordinator's key we have
  const Addressee self{fleet.empty() ? command.fleet : fleet, host_.identity.id};
  ROLLBACK_ASSIGN(const auto accepted,
                  accept_command(command, self, {mark_.epoch, mark_.seq}, latest_));
  mark_ = {accepted.epoch, accepted.seq};
  const auto put = host_.deps.runs.set_replay_mark(mark_);
  return put || !stored || put.error().code == ErrorCode::kNoSpace ? Status() : put;
}

void Door::on_run_thread(std::string what, Duration deadline, const StreamPtr& stream,
                         std::function<void()> job) {
  if (const auto current = host_.run_worker.current(); current && host_.hub.running())
    return stream->fail(ExitCode::kLocked,
                        Error{ErrorCode::kBusy, "this host is busy with " + *current +
                                                    "; 'rollbackctl run watch' shows it"});
  if (const auto posted = host_.run_worker.post({std::move(what), deadline, std::move(job)});
      !posted)
    stream->fail(ExitCode::kLocked, posted.error());
}

void Door::on_query_thread(std::string what, Duration deadline, const StreamPtr& stream,
                           std::function<void()> job) {
  if (const auto posted = host_.query_worker.post({std::move(what), deadline, std::move(job)});
      !posted)
    stream->fail(ExitCode::kLocked, posted.error());
}

void Door::on_transfer_thread(std::string what, const Call& call, std::function<void()> job) {
  const Duration longest = PassedLimits().whole + kBeyondTimeout;
  if (const auto posted = host_.transfer_worker.post({std::move(what), longest, std::move(job)});
      !posted)
    return call.stream->fail(ExitCode::kLocked, posted.error());
  std::erase_if(transfers_, [](const Transfer& it) { return it.passed.expired(); });
  transfers_.push_back({call.stream->to(), call.passed});
}

void Door::dispatch(const Command& command, const Call& call) {
  std::visit([&](const auto& request) { serve(request, call); }, command.body);
}

void Door::serve(const StatusRequest&, const Call& call) {
  call.stream->send(status_of(host_, link_state_()));
  call.stream->end(ExitCode::kDone, false);
}

void Door::serve(const RunAbortRequest& request, const Call& call) {
  const auto open = host_.deploys.open();
  if (open && !host_.hub.running() && open->run.str().starts_with(request.run))
    return serve(DeployEndRequest{open->run.str(), true, 0}, call);
  const auto holder = host_.engine.holder();
  if (holder && !host_.hub.running() && holder->str().starts_with(request.run))
    return on_run_thread(
        "the end of a prepared run" + call.by, kReading, call.stream,
        [&host = host_, call] { forget_prepared_verb(host, call.asked, *call.stream); });
  run_abort_verb(host_, request, *call.stream);
}

void Door::serve(const HealthRequest&, const Call& call) {
  const auto asked_now = host_.health.ask([&host = host_, stream = call.stream](const auto& seen) {
    const HealthItem item = with_store(host, seen);
    stream->send(item);
    const bool red = item.verdict == Verdict::kUnhealthy;
    stream->end(red ? ExitCode::kPartial : ExitCode::kDone, false);
  });
  if (!asked_now) call.stream->fail(ExitCode::kLocked, asked_now.error());
}

void Door::serve(const HistoryRequest& r, const Call& call) {
  on_query_thread("history", kReading, call.stream,
                  [&host = host_, r, s = call.stream] { history_verb(host, r, *s); });
}

void Door::serve(const ShowRequest& r, const Call& call) {
  on_query_thread("show", kReading, call.stream,
                  [&host = host_, r, s = call.stream] { show_verb(host, r, *s); });
}

void Door::serve(const RunListRequest& r, const Call& call) {
  on_query_thread("run list", kReading, call.stream,
                  [&host = host_, r, s = call.stream] { run_list_verb(host, r, *s); });
}

void Door::serve(const RunShowRequest& r, const Call& call) {
  on_query_thread("run show", kReading, call.stream,
                  [&host = host_, r, s = call.stream] { run_show_verb(host, r, *s); });
}

void Door::serve(const RunWatchRequest& r, const Call& call) {
  on_query_thread("run watch", kReading, call.stream,
                  [&host = host_, r, s = call.stream] { run_watch_verb(host, r, s); });
}

void Door::serve(const SnapshotRequest& r, const Call& call) {
  on_run_thread("a snapshot of " + r.label + call.by, kCapturing, call.stream,
                [&host = host_, r, call] { snapshot_verb(host, r, call.asked, *call.stream); });
}

void Door::serve(const PlanRequest& r, const Call& call) {
  on_run_thread("a plan" + call.by, kCapturing, call.stream,
                [&host = host_, r, s = call.stream] { plan_verb(host, r, *s); });
}

void Door::serve(const StatsRequest&, const Call& call) {
  on_query_thread("stats", kReading, call.stream,
                  [&host = host_, s = call.stream] { stats_verb(host, s); });
}

void Door::serve(const DiffRequest& r, const Call& call) {
  if (r.from != kLive && r.to != kLive)
    return on_query_thread("diff", kComparing, call.stream,
                           [&host = host_, r, s = call.stream] { diff_verb(host, r, *s); });
  on_run_thread("a diff" + call.by, kCapturing, call.stream,
                [&host = host_, r, s = call.stream] { diff_verb(host, r, *s); });
}

void Door::serve(const VerifyRequest& r, const Call& call) {
  if (!r.all)
    return on_run_thread("a verification" + call.by, kCapturing, call.stream,
                         [&host = host_, r, s = call.stream] { verify_verb(host, r, *s); });
  const auto begun = host_.scrubs.begin(
      call.stream->to(), [&host = host_, r, s = call.stream] { scrub_verb(host, r, s); });
  if (!begun) call.stream->fail(ExitCode::kLocked, begun.error());
}

void Door::serve(const MarkRequest& r, const Call& call) {
  on_query_thread("mark", kReading, call.stream,
                  [&host = host_, r, call] { mark_verb(host, r, call.asked, *call.stream); });
}

void Door::serve(const PruneRequest& r, const Call& call) {
  on_run_thread("a prune" + call.by, kCapturing, call.stream,
                [&host = host_, r, call] { prune_verb(host, r, call.asked, call.stream); });
}

void Door::serve(const ConfigCheckRequest&, const Call& call) {
  on_run_thread("a check of the configuration" + call.by, kReading, call.stream,
                [&host = host_, s = call.stream] { config_check_verb(host, *s); });
}

void Door::serve(const RollbackRequest& r, const Call& call) {
  if (const auto window = check_confirm(r.confirm); !window)
    return call.stream->fail(ExitCode::kUsage, window.error());
  on_run_thread("a rollback to " + r.to + call.by, r.timeout + r.confirm + kBeyondTimeout,
                call.stream,
                [&host = host_, r, call] { rollback_verb(host, r, call.asked, call.stream); });
}

void Door::serve(const UndoRequest& r, const Call& call) {
  on_run_thread("an undo" + call.by, r.timeout + kBeyondTimeout, call.stream,
                [&host = host_, r, call] { undo_verb(host, r, call.asked, call.stream); });
}

void Door::serve(const RunConfirmRequest& request, const Call& call) {
  run_confirm_verb(host_, request, *call.stream);
}

void Door::serve(const RunResumeRequest& r, const Call& call) {
  on_run_thread("finishing an interrupted run" + call.by, kBeyondTimeout + kLongestConfirm,
                call.stream, [&host = host_, r, s = call.stream] { run_resume_verb(host, r, s); });
}

void Door::serve(const LockRequest& r, const Call& call) {
  if (!r.release)
    return on_query_thread("lock status", kReading, call.stream,
                           [&host = host_, s = call.stream] { lock_verb(host, *s); });
  on_run_thread("breaking the lock" + call.by, kBeyondTimeout + kLongestConfirm, call.stream,
                [&host = host_, call] { unlock_verb(host, call.asked, *call.stream); });
}

void Door::serve(const DeployBeginRequest& r, const Call& call) {
  on_run_thread("the deploy of " + r.label + call.by, kCapturing, call.stream,
                [&host = host_, r, call] { deploy_begin_verb(host, r, call.asked, call.stream); });
}

void Door::serve(const DeployEndRequest& r, const Call& call) {
  // Its end is being decided already, because somebody aborted it or its time was up.
  if (const auto running = host_.hub.running(); running && running->str() == r.run)
    return host_.hub.watch(*running, 1, call.stream);
  on_run_thread("the end of a deploy" + call.by, kCapturing, call.stream,
                [&host = host_, r, s = call.stream] { deploy_end_verb(host, r, s); });
}

void Door::serve(const PrepareRequest& r, const Call& call) {
  if (const auto window = check_confirm(r.confirm); !window)
    return call.stream->fail(ExitCode::kRefused, window.error());
  prepared_timeout_ = r.timeout + r.confirm;
  on_run_thread("run " + r.run.str() + call.by, r.timeout + kBeyondTimeout, call.stream,
                [&host = host_, r, call] { prepare_verb(host, r, call.asked, *call.stream); });
}

void Door::serve(const CommitRequest& r, const Call& call) {
  if (host_.hub.running() == r.run) return host_.hub.watch(r.run, 1, call.stream);
  on_run_thread("run " + r.run.str() + call.by, prepared_timeout_ + kBeyondTimeout, call.stream,
                [&host = host_, r, s = call.stream] { commit_verb(host, r, s); });
}

void Door::serve(const ForgetRequest& r, const Call& call) {
  on_run_thread("forgetting run " + r.run.str(), kReading, call.stream,
                [&host = host_, r, s = call.stream] { forget_verb(host, r, *s); });
}

void Door::serve(const ExportRequest& r, const Call& call) {
  on_transfer_thread("an export of " + r.revision + call.by, call,
                     [&host = host_, r, call] { export_verb(host, r, call.passed, *call.stream); });
}

void Door::serve(const ImportRequest&, const Call& call) {
  on_transfer_thread("an import" + call.by, call, [&host = host_, call] {
    import_verb(host, call.asked, call.passed, *call.stream);
  });
}

}  // namespace rollback
