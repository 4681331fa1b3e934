// SPDX-License-Identifier: Apache-2.0
// The hosts, as those see them who ask them something: the link's router, or a scripted fleet.
// Loop thread only.
#pragma once

#include <functional>
#include <string>

#include "core/ids.h"
#include "protocol/messages.h"

namespace rollback {

struct Question {
  HostId host;
  CommandBody body;
  std::string actor;
  std::string reason;
  RunId run;  // none if none
};

class Agents {
 public:
  using OnReply = std::function<void(const Reply&)>;  // the last one is an End
  using OnLost = std::function<void()>;  // the connection is gone, no End will come; ask again

  virtual ~Agents() = default;
  [[nodiscard]] virtual bool is_online(const HostId& host) const = 0;
  // kNotFound: not online. The callbacks come later, never from within ask(), and not after an End,
  // a loss or drop().
  virtual Result<CommandId> ask(Question question, OnReply on_reply, OnLost on_lost) = 0;
  virtual void drop(const CommandId& command) = 0;
};

}  // namespace rollback
