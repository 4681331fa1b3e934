// SPDX-License-Identifier: Apache-2.0
#include "core/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace rollback {

namespace {

// The sanitizers have an allocator of their own; glibc's is not set up beside it, and two threads
// that ask it at once crash.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ROLLBACK_GIVES_MEMORY_BACK
#endif

#ifdef ROLLBACK_GIVES_MEMORY_BACK
// Segments that are never written are as they are in the file, whoever lets go of them.
int leave_unwritten_pages(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) / page * page;
    const std::uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}
#endif

}  // namespace

void release_free_memory() noexcept {
#ifdef ROLLBACK_GIVES_MEMORY_BACK
  (void)malloc_trim(0);  // its answer says only whether there was any
#endif
}

void release_after_large_work() noexcept {
  release_free_memory();
#ifdef ROLLBACK_GIVES_MEMORY_BACK
  (void)dl_iterate_phdr(leave_unwritten_pages, nullptr);
#endif
}

}  // namespace rollback
