// SPDX-License-Identifier: Apache-2.0
#include "protocol/envelope.h"

#include <tuple>

#include "protocol/codec.h"

namespace rollback {

namespace {

Failure refuse(const Command& command, const std::string& why) {
  return fail(ErrorCode::kDenied, "command " + command.id.str() + " is refused: " + why);
}

}  // namespace

Result<Envelope> seal(const Command& command) {
  ROLLBACK_ASSIGN(auto payload, encode_command(command));
  return Envelope{std::move(payload), {}};
}

Result<ReplayMark> accept_command(const Command& command, const Addressee& self,
                                  const ReplayMark& mark, WallTime now) {
  if (command.fleet != self.fleet)
    return refuse(command, "it is for fleet '" + command.fleet + "', this is '" + self.fleet + "'");
  if (command.host != self.host)
    return refuse(command, "it is for host " + command.host.str() + ", this is " + self.host.str());
  if (std::tie(command.epoch, command.seq) <= std::tie(mark.epoch, mark.seq))
    return refuse(command, "epoch " + std::to_string(command.epoch) + " seq " +
                               std::to_string(command.seq) + " is not above epoch " +
                               std::to_string(mark.epoch) + " seq " + std::to_string(mark.seq) +
                               ", the highest seen");
  if (command.not_before.ns != 0 && now < command.not_before)
    return refuse(command, "it is not valid before " + format_utc(command.not_before));
  if (command.not_after.ns != 0 && now > command.not_after)
    return refuse(command, "it expired at " + format_utc(command.not_after));
  return ReplayMark{command.epoch, command.seq};
}

}  // namespace rollback
