// SPDX-License-Identifier: Apache-2.0
// What the coordinator knows of its fleet, shared by everything that runs on its loop thread.
#pragma once

#include <functional>
#include <string>

#include "coordinator/fleet/board.h"
#include "coordinator/fleet/hosts.h"
#include "coordinator/store/ledger.h"
#include "core/clock.h"
#include "core/random.h"

namespace rollback {

struct Fleet {
  std::string name;
  Hosts hosts;
  Board board;
  Ledger& ledger;
  const Clock& clock;
  Random& random;
  // What the service logs: admissions, connections, commands, refused messages. Never content.
  std::function<void(const std::string&)> log;
};

}  // namespace rollback
