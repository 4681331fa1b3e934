// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include <stdexcept>

#include "cli/output/answer.h"
#include "protocol/unix_channel.h"

namespace rollback {

Client Session::agent(int descriptor) {
  if (direct && !own_agent) {
    if (UnixClient::connect(agent_socket))
      throw std::runtime_error("rollback-agent runs and answers: leave out --direct");
    auto started = DirectAgent::start(agent_program);
    if (!started) throw std::runtime_error(started.error().message);
    own_agent.emplace(*std::move(started));
    agent_socket = own_agent->socket();
  }
  return Client({agent_socket, "rollback-agent", reason, descriptor}, random, interrupted);
}

}  // namespace rollback
