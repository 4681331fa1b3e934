// SPDX-License-Identifier: Apache-2.0
// A process that is killed by SIGKILL right before the Nth system call of its main thread.
#pragma once

#include <functional>
#include <vector>

namespace rollback {

struct Trace {
  bool finished = false;    // `act` returned; false: killed before
  std::vector<long> calls;  // system call numbers that `act` made, in order
};

// Forks; the child runs `arrange`, then `act`, and is killed in any case: before call number
// `kill_before` of `act` (from 0), or after `act`. Threads that `arrange` starts are not counted.
Trace run_and_kill(const std::function<void()>& arrange, const std::function<void()>& act,
                   std::size_t kill_before);

}  // namespace rollback
