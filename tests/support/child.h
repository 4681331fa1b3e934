// SPDX-License-Identifier: Apache-2.0
// Runs a part of a test in a process of its own, so that it may be killed.
#pragma once

#include <functional>

namespace rollback {

// Forks, runs `body`, and waits. True when the child died by SIGKILL, false when `body` returned;
// every other end (an exception, another signal) throws. Start no threads before.
bool was_killed(const std::function<void()>& body);

}  // namespace rollback
