// SPDX-License-Identifier: Apache-2.0
// Who asked for an undo got what was asked for once every host is back; the run itself is still one
// that did not stay on its release (exit code 4), as everybody else is told.
#pragma once

#include <utility>

#include "coordinator/rollout/watcher.h"

namespace rollback {

class UndoWatcher final : public Watcher {
 public:
  explicit UndoWatcher(WatcherPtr asker) : asker_(std::move(asker)) {}

  void send(const std::string& host, ReplyBody body) override {
    if (const auto* const end = std::get_if<End>(&body);
        end && end->exit_code == ExitCode::kRestored)
      body = End{ExitCode::kDone, true, std::nullopt};
    asker_->send(host, std::move(body));
  }
  [[nodiscard]] bool is_gone() const override { return asker_->is_gone(); }

 private:
  WatcherPtr asker_;
};

}  // namespace rollback
