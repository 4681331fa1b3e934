// SPDX-License-Identifier: Apache-2.0
// After a crash at any instruction: decides the files of an unfinished run from the journal and the
// stage alone. Needs no store, bus, network or coordinator; idempotent. rollback-recover runs it
// before anything starts; the agent runs it again on its own start.
#pragma once

#include <string>

#include "agent/apply/live.h"
#include "core/fs/directory.h"
#include "core/result.h"
#include "model/run.h"

namespace rollback {

struct Recovery {
  // kWaiting: on the target, to be confirmed or taken back by the agent.
  enum class Decision { kNothing, kForgotten, kUndone, kFinished, kWaiting };
  Decision decision = Decision::kNothing;
  RunId run;
  std::string message;         // for the log: what was found and done
  bool units_changed = false;  // unit files were touched: a daemon-reload is due
  bool unfinished = false;     // the disk refused a part of the undo: to be repeated later
};

// `boot_id`: of this boot. A run that waits to be confirmed outlives one reboot; "" where that is
// not known leaves it as it is.
Result<Recovery> recover_files(const LiveFiles& live, const Directory& state,
                               const std::string& boot_id = "");

}  // namespace rollback
