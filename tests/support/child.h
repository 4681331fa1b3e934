// SPDX-License-Identifier: Apache-2.0
// Runs a part of a test in a process of its own, so that it may be killed.
#pragma once

#include <functional>
#include <optional>

namespace rollback {

// Forks, runs `body`, and waits. True when the child died by SIGKILL, false when `body` returned;
// every other end (an exception, another signal) throws. Start no threads before.
bool was_killed(const std::function<void()>& body);

// The same for a body that has something to tell: what it returned, which is not 1; nullopt when
// the child died by SIGKILL.
std::optional<int> end_of_child(const std::function<int()>& body);

}  // namespace rollback
