// SPDX-License-Identifier: Apache-2.0
// Who holds this host, and the ways to let go of it: confirm, resume, forget, break the lock.
#include <fmt/format.h>

#include "agent/service/identity.h"
#include "agent/service/verbs.h"

namespace rollback {

namespace {

void nobody(Stream& stream) {
  stream.note(EventLevel::kInfo, "nobody holds this host");
  stream.end(ExitCode::kDone, false);
}

void refuse(Stream& stream, std::string why) {
  stream.fail(ExitCode::kRefused, Error{ErrorCode::kConflict, std::move(why)});
}

std::string with_reason(std::string what, const Asked& asked) {
  what += " by " + asked.actor;
  return asked.reason.empty() ? what : what + ": " + asked.reason;
}

}  // namespace

void run_confirm_verb(Host& host, const RunConfirmRequest& request, Stream& stream) {
  const auto run = host.hub.confirm(request.run);
  if (!run) return stream.fail(ExitCode::kRefused, run.error());
  stream.note(EventLevel::kInfo, "run " + run->str() + " is confirmed and stays");
  stream.end(ExitCode::kDone, true);
}

void lock_verb(Host& host, Stream& stream) {
  const auto running = host.hub.running();
  const auto holder = running ? running : host.engine.holder();
  if (!holder) return nobody(stream);
  auto record = host.deps.runs.find(holder->str());
  if (record)
    stream.send(*std::move(record));
  else
    stream.note(EventLevel::kWarning, "run " + holder->str() + " holds this host");
  stream.end(ExitCode::kDone, false);
}

void forget_prepared_verb(Host& host, const Asked& asked, Stream& stream) {
  const auto holder = host.engine.holder();
  if (!holder) return nobody(stream);
  if (const auto gone = host.engine.forget(*holder, with_reason("ended", asked)); !gone)
    return stream.fail(exit_code_of(gone.error()), gone.error());
  if (host.engine.holder())
    return refuse(
        stream, "run " + holder->str() + " was interrupted; `rollbackctl run resume` finishes it");
  stream.note(EventLevel::kInfo, "run " + holder->str() + " had changed nothing: forgotten");
  stream.end(ExitCode::kDone, true);
}

void unlock_verb(Host& host, const Asked& asked, Stream& stream) {
  const auto holder = host.engine.holder();
  if (!holder) return nobody(stream);
  if (host.deploys.open())
    return refuse(stream, fmt::format("the deploy {0} holds this host; end it with `rollbackctl "
                                      "deploy end {0}` or `rollbackctl deploy abort {0}`",
                                      holder->str()));
  (void)host.engine.forget(*holder, with_reason("its lock was broken", asked));
  if (host.engine.holder()) finish_interrupted(host);
  if (host.engine.holder())
    return refuse(stream, "run " + holder->str() +
                              " was interrupted and cannot be finished yet: `rollbackctl status` "
                              "and the agent's log say why");
  stream.note(EventLevel::kInfo, "run " + holder->str() + " does not hold this host any more");
  stream.end(ExitCode::kDone, true);
}

void run_resume_verb(Host& host, const RunResumeRequest& request, const StreamPtr& stream) {
  const auto holder = host.engine.holder();
  if (!holder || !holder->str().starts_with(request.run))
    return stream->fail(ExitCode::kRefused,
                        Error{ErrorCode::kNotFound, "no interrupted run holds this host"});
  if (host.deploys.open())
    return refuse(*stream, "the deploy " + holder->str() + " goes on by itself");
  finish_interrupted(host);
  if (host.engine.holder())
    return refuse(*stream, "run " + holder->str() +
                               " is prepared, or cannot be finished yet: `rollbackctl status` "
                               "and the agent's log say why");
  host.hub.watch(*holder, 1, stream);
}

}  // namespace rollback
