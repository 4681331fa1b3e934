// SPDX-License-Identifier: Apache-2.0
// Requests around what holds a host. A deploy is somebody else's work: a host remembers where it
// was before, and takes itself back when the deploy does not end well.
#pragma once

#include <cstdint>
#include <string>

#include "core/clock.h"

namespace rollback {

// Records where the host is and holds it. Answers with the run's record.
struct DeployBeginRequest {
  std::string label;    // of the release that is being deployed
  std::string git_ref;  // of it; "" if not said
  // A child of who asks, which waits for its command until this is answered: it is put into a scope
  // of its own. 0: the deploy is done elsewhere, and its end is told.
  std::uint32_t pid = 0;
  Duration timeout = std::chrono::hours(1);  // until its end is told; then it has failed
  bool undo = true;                          // what did not end well is taken back
  bool dry_run = false;                      // checks and says what would happen; holds nothing
};
// Waits for the gate; records the release, or takes the host back.
struct DeployEndRequest {
  std::string run;             // "": the one that is open
  bool aborted = false;        // take it back, whatever it came to
  std::int32_t exit_code = 0;  // of the command; 128 + N: ended by signal N
};

// A run that waits for it is kept; "" is the one that does.
struct RunConfirmRequest {
  std::string run;
};
// Who holds this host; `release` lets go of it where nothing live was touched.
struct LockRequest {
  bool release = false;
};

}  // namespace rollback
