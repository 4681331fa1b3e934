// SPDX-License-Identifier: Apache-2.0
// Memory that this process does not need and has not yet given to the system.
#pragma once

namespace rollback {

// Gives back what is free, and the pages of programs and libraries, which come again from the file
// when they are needed: for a thread that has done something large and is about to wait. Any
// thread.
void release_free_memory() noexcept;

}  // namespace rollback
