// SPDX-License-Identifier: Apache-2.0
// After a crash at any instruction: decides the files of an unfinished run from the journal and the
// stage alone. Needs no store, bus, network or coordinator; idempotent. rollback-recover runs it
// before anything starts; the agent runs it again on its own start.
#pragma once

#include <string>

#include "core/fs/directory.h"
#include "core/result.h"
#include "model/run.h"

namespace rollback {

struct Recovery {
  enum class Decision { kNothing, kForgotten, kUndone, kFinished };
  Decision decision = Decision::kNothing;
  RunId run;
  std::string message;         // for the log: what was found and done
  bool units_changed = false;  // unit files were touched: a daemon-reload is due
};

Result<Recovery> recover_files(const Directory& root, const Directory& state);

}  // namespace rollback
