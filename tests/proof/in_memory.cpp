// SPDX-License-Identifier: Apache-2.0
// What thousands of short lives need: a kill loses nothing that was written, whatever was synced,
// so their files are in memory; and a process that is small is forked soon.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace {

class InMemory final : public ::testing::Environment {
 public:
  void SetUp() override {
    if (std::getenv("TMPDIR") == nullptr && ::access("/dev/shm", W_OK) == 0)
      ::setenv("TMPDIR", "/dev/shm", 1);
  }
};

[[maybe_unused]] const auto* const kInMemory =
    ::testing::AddGlobalTestEnvironment(new InMemory);  // GoogleTest owns it

}  // namespace

extern "C" const char* __asan_default_options();  // NOLINT: named by the sanitizer
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=4:thread_local_quarantine_size_kb=64:malloc_context_size=2";
}
