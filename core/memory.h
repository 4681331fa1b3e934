// SPDX-License-Identifier: Apache-2.0
// Memory that is free in this process and not yet the system's.
#pragma once

namespace rollback {

// Gives it back: for a thread that has done something large and is about to wait. Any thread.
void release_free_memory() noexcept;

}  // namespace rollback
