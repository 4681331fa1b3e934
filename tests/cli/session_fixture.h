// SPDX-License-Identifier: Apache-2.0
// A session on a terminal of 80 columns without colour.
#pragma once

#include "cli/session.h"
#include "tests/support/fake_clock.h"
#include "tests/support/seeded_random.h"

namespace rollback::testing {

inline Terminal plain_terminal() {
  Terminal terminal;
  terminal.out = true;
  return terminal;
}

struct SessionFixture {
  SeededRandom random{1};
  FakeClock clock;
  Session session{random, clock, [] { return false; }, plain_terminal()};
  SessionFixture() { session.utc = true; }
};

template <typename Body>
Reply reply_of(Body body, std::string host = "") {
  Reply reply;
  reply.index = 1;
  reply.host = std::move(host);
  reply.body = std::move(body);
  return reply;
}

}  // namespace rollback::testing
