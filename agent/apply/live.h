// SPDX-License-Identifier: Apache-2.0
// What changes a host. Whoever carries a run out, takes it back or ends a deploy is given it;
// plans, checks and staging are not, and a dry run is nothing else. Of systemd and programs that is
// the type's doing; of files the structure test's, which says who may name a LiveFiles. Used by the
// run thread.
#pragma once

#include "agent/platform/program_runner.h"
#include "agent/platform/service_manager.h"
#include "core/fs/directory.h"

namespace rollback {

// The files of releases, where they are live. Staging never has one.
class LiveFiles {
 public:
  // "/", or where a test has its host; outlives the object.
  explicit LiveFiles(const Directory& root) noexcept : root_(&root) {}
  [[nodiscard]] const Directory& root() const noexcept { return *root_; }

 private:
  const Directory* root_;
};

// All outlive the object.
struct Live {
  LiveFiles files;
  ServiceManager& services;
  ChangeRunner& programs;
};

}  // namespace rollback
