// SPDX-License-Identifier: Apache-2.0
// A commit of files on a real file system, as the engine does it, without store, units or probes.
#pragma once

#include <gtest/gtest.h>
#include <linux/magic.h>

#include <string>
#include <vector>

#include "agent/apply/commit.h"
#include "agent/apply/journal.h"
#include "agent/apply/recovery.h"
#include "agent/plan/planner.h"
#include "tests/agent/apply/apply_support.h"

namespace rollback {

inline constexpr SyncPolicy kAtOnce{1, 1};

// A host whose /etc/app is one random tree, and another that it is to become.
class Scene {
 public:
  explicit Scene(std::uint64_t seed, int depth = 1, SyncPolicy policy = {}) : policy_(policy) {
    SeededRandom random(seed);
    grow_tree(host_.path() / "etc/app", random, depth);
    grow_tree(release_.path() / "etc/app", random, depth);
    host_.write("etc/neighbour.conf", "unmanaged");
    host_.write("state/keep", "");
    // A run is prepared against one inode of every kind, whatever the trees became.
    release_.write("etc/app/always-new", "new");
    host_.write("etc/app/always-old", "old");
    host_.write("etc/app/always-changed", "old");
    release_.write("etc/app/always-changed", "new");
    origin_ = capture_app(host_.open(kernel_), sink_);
    target_ = capture_app(release_.open(kernel_), sink_);
  }

  Result<Plan> plan() const { return make_plan({origin_, target_, "v1", "v2", app_specs()}); }

  // As the engine does it; ends with the record that says it is verified.
  Status commit(Syscalls& calls, std::size_t threads = 0) const {
    ReadPool writers(threads);
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    ROLLBACK_ASSIGN(const Plan steps, plan());
    std::vector<std::string> paths;
    for (const auto& step : steps.steps) paths.push_back(step.subject);
    JournalBegin begin;
    ROLLBACK_ASSIGN(begin.run, RunId::parse("0123456789ab"));
    ROLLBACK_ASSIGN(StageSet stages, StageSet::locate(root, begin.run, paths));
    begin.stages = stages.paths();
    ROLLBACK_ASSIGN(Journal journal, Journal::create(state, begin));
    ROLLBACK_TRY(stages.make());
    ROLLBACK_ASSIGN(const auto owners, OwnerNames::load(root));
    const auto content = (lost_ ? nothing_ : sink_).source();
    JournalIntent intent;
    ROLLBACK_ASSIGN(intent.files, stage_contents({root, stages, steps, origin_, target_, content,
                                                  owners, writers, policy_}));
    ROLLBACK_TRY(journal.append(intent));
    ROLLBACK_TRY(journal.append(JournalPhase{RunPhase::kStaged, {}}));
    ROLLBACK_TRY(journal.append(JournalPhase{RunPhase::kCommitting, {}}));
    ROLLBACK_TRY(commit_files(root, stages, intent.files, policy_));
    return journal.append(JournalPhase{RunPhase::kVerified, {}});
  }

  Result<Recovery> recover(Syscalls& calls) const {
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    return recover_files(root, state);
  }

  void lose_contents() { lost_ = true; }  // of the target
  [[nodiscard]] Digest live() { return capture_app(host_.open(kernel_), sink_).content_root; }
  [[nodiscard]] Digest origin() const { return origin_.content_root; }
  [[nodiscard]] Digest target() const { return target_.content_root; }
  [[nodiscard]] const TempDirectory& host() const { return host_; }
  KernelSyscalls& kernel() { return kernel_; }

 private:
  const SyncPolicy policy_;
  KernelSyscalls kernel_;
  TempDirectory host_, release_;
  KeepingSink sink_, nothing_;
  HostState origin_, target_;
  bool lost_ = false;
};

}  // namespace rollback
