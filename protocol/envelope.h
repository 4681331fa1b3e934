// SPDX-License-Identifier: Apache-2.0
// What makes a Command acceptable before anybody looks at its body: addressed to us, not expired,
// not replayed, not from a coordinator that has been replaced.
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.h"
#include "protocol/messages.h"

namespace rollback {

Result<Envelope> seal(const Command& command);  // no proofs

// The highest (epoch, seq) a receiver has accepted; stored by it before it acts.
struct ReplayMark {
  std::uint64_t epoch = 0;
  std::uint64_t seq = 0;
  bool operator==(const ReplayMark&) const = default;
};

struct Addressee {
  std::string fleet;
  HostId host;
};

// The mark after accepting `command`. Refused with kDenied: another fleet or host, an epoch or
// (epoch, seq) not above `mark` (the message names the highest seen), before not_before, after
// not_after. `now` is the later of the clock and the last time seen.
Result<ReplayMark> accept_command(const Command& command, const Addressee& self,
                                  const ReplayMark& mark, WallTime now);

}  // namespace rollback
