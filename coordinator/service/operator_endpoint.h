// SPDX-License-Identifier: Apache-2.0
// The operators' end: the unix door, in front of the fleet's verbs. Every request is decoded and
// authorised before anything else looks at it. A connection that closes stops nothing. Loop thread
// only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>

#include "coordinator/service/fleet_verbs.h"
#include "coordinator/service/operator_stream.h"
#include "protocol/unix_channel.h"

namespace rollback {

struct OperatorRefusals {
  std::uint64_t malformed = 0;
  std::uint64_t denied = 0;
};

class OperatorEndpoint {
 public:
  static Result<std::unique_ptr<OperatorEndpoint>> listen(Fleet& fleet, FleetVerbs& verbs,
                                                          Poller& poller,
                                                          const DoorOptions& options);
  OperatorEndpoint(const OperatorEndpoint&) = delete;
  OperatorEndpoint& operator=(const OperatorEndpoint&) = delete;

  void drop_idle() { door_->drop_idle(); }  // call about once a second
  [[nodiscard]] const OperatorRefusals& refusals() const noexcept { return refusals_; }

 private:
  OperatorEndpoint(Fleet& fleet, FleetVerbs& verbs) : fleet_(fleet), verbs_(verbs) {}
  void on_frame(ConnectionId from, const Principal& sender, std::string_view frame);
  void on_close(ConnectionId connection);

  Fleet& fleet_;
  FleetVerbs& verbs_;
  std::unique_ptr<UnixDoor> door_;
  std::multimap<ConnectionId, std::weak_ptr<OperatorStream>> streams_;
  OperatorRefusals refusals_;
};

}  // namespace rollback
