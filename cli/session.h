// SPDX-License-Identifier: Apache-2.0
// What every command knows about how it was called: global flags, the terminal, where the daemons
// are.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "cli/client.h"
#include "cli/direct_agent.h"
#include "core/clock.h"
#include "core/random.h"
#include "model/exit_code.h"

namespace rollback {

enum class Format { kTable, kJson, kJsonl, kYaml };

struct Terminal {
  bool out = false;     // stdout is one
  bool err = false;     // stderr is one
  bool in = false;      // stdin is one: questions may be asked
  bool colour = false;  // and NO_COLOR is not set
  std::size_t width = 80;
};

struct Session {
  Session(Random& random_in, const Clock& clock_in, std::function<bool()> interrupted_in,
          const Terminal& terminal_in)
      : random(random_in),
        clock(clock_in),
        interrupted(std::move(interrupted_in)),
        terminal(terminal_in) {}

  Random& random;
  const Clock& clock;
  std::function<bool()> interrupted;
  Terminal terminal;
  Format format = Format::kTable;
  bool utc = false;
  bool yes = false;
  bool detailed_exit_code = false;
  std::string reason;
  bool direct = false;
  std::string agent_program = "/usr/sbin/rollback-agent";  // of --direct
  Duration budget = std::chrono::minutes(5);               // --timeout
  std::string agent_socket = "/run/rollback-agent/agent.sock";
  std::string coordinator_socket = "/run/rollback-coordinator/coordinator.sock";
  ExitCode exit = ExitCode::kDone;  // set by the command that ran
  std::optional<DirectAgent> own_agent{};

  // With --direct the first call starts an agent for this command.
  [[nodiscard]] Client agent(int descriptor = -1);
  [[nodiscard]] Client coordinator() {
    return Client({coordinator_socket, "rollback-coordinator", reason}, random, interrupted);
  }
};

}  // namespace rollback
