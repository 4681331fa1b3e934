// SPDX-License-Identifier: Apache-2.0
// Somebody who reads answers: an operator's connection. Loop thread only.
#pragma once

#include <memory>
#include <string>

#include "protocol/replies.h"

namespace rollback {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // `host`: whose answer it is, "" for the coordinator's own. Nothing is sent after an End.
  virtual void send(const std::string& host, ReplyBody body) = 0;
  [[nodiscard]] virtual bool is_gone() const = 0;
};
using WatcherPtr = std::shared_ptr<Watcher>;

}  // namespace rollback
