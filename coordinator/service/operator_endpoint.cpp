// SPDX-License-Identifier: Apache-2.0
#include "coordinator/service/operator_endpoint.h"

#include <utility>

#include "protocol/codec.h"
#include "protocol/permissions.h"

namespace rollback {

Result<std::unique_ptr<OperatorEndpoint>> OperatorEndpoint::listen(Fleet& fleet, FleetVerbs& verbs,
                                                                   Poller& poller,
                                                                   const DoorOptions& options) {
  std::unique_ptr<OperatorEndpoint> endpoint(new OperatorEndpoint(fleet, verbs));
  OperatorEndpoint* const self = endpoint.get();
  ROLLBACK_ASSIGN(endpoint->door_,
                  UnixDoor::listen(
                      poller, fleet.clock, options,
                      [self](ConnectionId from, const Principal& sender, const std::string& frame) {
                        self->on_frame(from, sender, frame);
                      },
                      [self](ConnectionId connection) { self->on_close(connection); }));
  return endpoint;
}

void OperatorEndpoint::on_frame(ConnectionId from, const Principal& sender,
                                std::string_view frame) {
  const auto envelope = decode_envelope(frame);
  const auto command =
      envelope ? decode_command(envelope->payload) : Result<Command>(Failure(envelope.error()));
  if (!command) {
    ++refusals_.malformed;
    return door_->close_after_sending(from);
  }
  std::erase_if(streams_, [](const auto& entry) {
    const auto stream = entry.second.lock();
    return !stream || stream->is_gone();
  });
  const auto stream = std::make_shared<OperatorStream>(*door_, from, command->id);
  streams_.emplace(from, stream);
  if (const auto allowed = may_send(Receiver::kCoordinator, sender, command->body); !allowed) {
    ++refusals_.denied;
    fleet_.log(allowed.error().message);
    return stream->send("", End{ExitCode::kDenied, false, allowed.error()});
  }
  if (is_changing(command->body))
    fleet_.log(sender.name + ": " + std::string(name_of(command->body)) +
               (command->reason.empty() ? "" : " (" + command->reason + ")"));
  verbs_.serve(*command, sender.name, stream);
}

void OperatorEndpoint::on_close(ConnectionId connection) {
  const auto [first, last] = streams_.equal_range(connection);
  for (auto it = first; it != last; ++it)
    if (const auto stream = it->second.lock()) stream->close();
  streams_.erase(first, last);
}

}  // namespace rollback
