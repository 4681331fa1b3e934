// SPDX-License-Identifier: Apache-2.0
#include "agent/service/door.h"

#include <algorithm>
#include <utility>

#include "protocol/codec.h"
#include "protocol/envelope.h"

namespace rollback {

namespace {

constexpr Duration kReading = std::chrono::seconds(60);
constexpr Duration kCapturing = std::chrono::minutes(30);
// A run's own timeout bounds it; undo is never cut, so the watchdog waits longer.
constexpr Duration kBeyondTimeout = std::chrono::minutes(15);

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

Door::Door(Host& host, Outbox& outbox, std::function<std::string()> link_state)
    : host_(host), outbox_(outbox), link_state_(std::move(link_state)) {}

bool Door::handle(const Principal& sender, std::string_view envelope, const Destination& from) {
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
  Asked asked;
  asked.actor = sender.role == Role::kCoordinator ? "coordinator: " + command->actor : sender.name;
  asked.reason = command->reason;
  asked.command = command->id;
  dispatch(*std::move(command), asked, stream);
  return true;
}

Status Door::accept_from_coordinator(const Command& command) {
  latest_ = std::max(latest_, host_.deps.clock.wall());
  ROLLBACK_ASSIGN(const auto mark, host_.deps.runs.replay_mark());
  const auto& fleet = host_.deps.options.fleet;  // "" is any fleet whose coordinator's key we have
  const Addressee self{fleet.empty() ? command.fleet : fleet, host_.identity.id};
  ROLLBACK_ASSIGN(const auto accepted,
                  accept_command(command, self, {mark.epoch, mark.seq}, latest_));
  return host_.deps.runs.set_replay_mark({accepted.epoch, accepted.seq});
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

void Door::on_query_thread(std::string what, const StreamPtr& stream, std::function<void()> job) {
  if (const auto posted = host_.query_worker.post({std::move(what), kReading, std::move(job)});
      !posted)
    stream->fail(ExitCode::kLocked, posted.error());
}

// One row per verb: which thread serves it. What only the coordinator serves never gets here.
void Door::dispatch(Command command, const Asked& asked, const StreamPtr& stream) {
  Host* const host = &host_;
  const std::string by = " by " + asked.actor;
  std::visit(
      Overloaded{
          [&](const StatusRequest&) {
            stream->send(status_of(host_, link_state_()));
            stream->end(ExitCode::kDone, false);
          },
          [&](const RunAbortRequest& r) { run_abort_verb(host_, r, *stream); },
          [&](const HealthRequest&) {
            const auto asked_now = host_.health.ask([stream](const HealthItem& item) {
              stream->send(item);
              const bool red = item.verdict == Verdict::kUnhealthy;
              stream->end(red ? ExitCode::kPartial : ExitCode::kDone, false);
            });
            if (!asked_now) stream->fail(ExitCode::kLocked, asked_now.error());
          },
          [&](const HistoryRequest& r) {
            on_query_thread("history", stream, [=] { history_verb(*host, r, *stream); });
          },
          [&](const ShowRequest& r) {
            on_query_thread("show", stream, [=] { show_verb(*host, r, *stream); });
          },
          [&](const RunListRequest& r) {
            on_query_thread("run list", stream, [=] { run_list_verb(*host, r, *stream); });
          },
          [&](const RunShowRequest& r) {
            on_query_thread("run show", stream, [=] { run_show_verb(*host, r, *stream); });
          },
          [&](const RunWatchRequest& r) {
            on_query_thread("run watch", stream, [=] { run_watch_verb(*host, r, stream); });
          },
          [&](const SnapshotRequest& r) {
            on_run_thread("a snapshot of " + r.label + by, kCapturing, stream,
                          [=] { snapshot_verb(*host, r, asked, *stream); });
          },
          [&](const PlanRequest& r) {
            on_run_thread("a plan" + by, kCapturing, stream, [=] { plan_verb(*host, r, *stream); });
          },
          [&](const DiffRequest& r) {
            on_run_thread("a diff" + by, kCapturing, stream, [=] { diff_verb(*host, r, *stream); });
          },
          [&](const VerifyRequest& r) {
            on_run_thread("a verification" + by, kCapturing, stream,
                          [=] { verify_verb(*host, r, *stream); });
          },
          [&](const ConfigCheckRequest&) {
            on_run_thread("a check of the configuration" + by, kReading, stream,
                          [=] { config_check_verb(*host, *stream); });
          },
          [&](const RollbackRequest& r) {
            on_run_thread("a rollback to " + r.to + by, r.timeout + kBeyondTimeout, stream,
                          [=] { rollback_verb(*host, r, asked, stream); });
          },
          [&](const UndoRequest& r) {
            on_run_thread("an undo" + by, r.timeout + kBeyondTimeout, stream,
                          [=] { undo_verb(*host, r, asked, stream); });
          },
          [&](const PrepareRequest& r) {
            on_run_thread("run " + r.run.str() + by, r.timeout + kBeyondTimeout, stream,
                          [=] { prepare_verb(*host, r, asked, *stream); });
          },
          [&](const CommitRequest& r) {
            if (host_.hub.running() == r.run) return host_.hub.watch(r.run, 1, stream);
            on_run_thread("run " + r.run.str() + by, kBeyondTimeout, stream,
                          [=] { commit_verb(*host, r, stream); });
          },
          [&](const ForgetRequest& r) {
            on_run_thread("forgetting run " + r.run.str(), kReading, stream,
                          [=] { forget_verb(*host, r, *stream); });
          },
          [&](const auto&) {
            stream->fail(ExitCode::kDenied,
                         Error{ErrorCode::kDenied, "'" + std::string(name_of(command.body)) +
                                                       "' is served by the coordinator"});
          },
      },
      command.body);
}

}  // namespace rollback
