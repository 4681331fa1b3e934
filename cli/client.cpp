// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/unix_channel.h"

namespace rollback {

namespace {

constexpr Duration kGlance = std::chrono::milliseconds(100);

Error explain(const Error& error, const Asking& asking) {
  if (error.code == ErrorCode::kNotFound)
    return {error.code, "nobody answers on " + asking.socket + ": is " + asking.daemon +
                            ".service running? 'systemctl status " + asking.daemon + "' tells"};
  if (error.code == ErrorCode::kDenied)
    return {error.code, "not allowed to use " + asking.socket +
                            ": run as root, or as a member of the operators' group"};
  return error.within(asking.socket);
}

}  // namespace

Result<End> Client::ask(const CommandBody& body, const std::function<void(const Reply&)>& on_reply,
                        const std::function<void()>& on_idle) {
  Command command;
  command.id = CommandId::make(random_);
  command.reason = asking_.reason;
  command.body = body;
  ROLLBACK_ASSIGN(const auto envelope, seal(command));
  ROLLBACK_ASSIGN(const auto frame, encode_envelope(envelope));
  auto connection = UnixClient::connect(asking_.socket);
  if (!connection) return Failure(explain(connection.error(), asking_));
  if (const auto sent = connection->send(frame, asking_.descriptor); !sent)
    return Failure(explain(sent.error(), asking_));
  for (;;) {
    if (interrupted_()) return fail(ErrorCode::kTimeout, "interrupted");
    auto bytes = connection->receive(kGlance);
    if (!bytes && bytes.error().code == ErrorCode::kTimeout) {
      if (on_idle) on_idle();
      continue;
    }
    if (!bytes)
      return fail(ErrorCode::kIo, asking_.daemon +
                                      " went away before it had answered; what it was "
                                      "doing is in 'rollbackctl run list'");
    ROLLBACK_ASSIGN(const auto reply, decode_reply(*bytes));
    if (const auto* end = std::get_if<End>(&reply.body)) return *end;
    on_reply(reply);
    if (on_idle) on_idle();
  }
}

}  // namespace rollback
