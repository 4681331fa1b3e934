// SPDX-License-Identifier: Apache-2.0
// Memory that this process does not need and has not yet given to the system.
#pragma once

namespace rollback {

// Gives back what is free: for a thread that is about to wait. Any thread.
void release_free_memory() noexcept;

// Gives back also the pages of programs and libraries, which come again from the file as they are
// needed: after something large only, because that takes time. Any thread.
void release_after_large_work() noexcept;

}  // namespace rollback
