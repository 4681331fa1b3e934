// SPDX-License-Identifier: Apache-2.0
#include "core/memory.h"

#include <malloc.h>

namespace rollback {

void release_free_memory() noexcept {
  // The sanitizers have an allocator of their own; glibc's is not set up beside it, and two threads
  // that ask it at once crash.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  (void)malloc_trim(0);  // its answer says only whether there was any
#endif
}

}  // namespace rollback
