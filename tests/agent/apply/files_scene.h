// SPDX-License-Identifier: Apache-2.0
// A commit of files on a real file system, as the engine does it, without store, units or probes.
#pragma once

#include <gtest/gtest.h>
#include <linux/magic.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/apply/commit.h"
#include "agent/apply/fingerprint.h"
#include "agent/apply/journal.h"
#include "agent/apply/preflight.h"
#include "agent/apply/recovery.h"
#include "agent/apply/undo.h"
#include "agent/plan/planner.h"
#include "tests/agent/apply/apply_support.h"

namespace rollback {

inline constexpr SyncPolicy kAtOnce{1, 1};

// How far a commit goes before whoever does it is gone.
enum class Until { kStaged, kCommitted, kVerified };

// A host with /etc/app, and another that it is to become.
class Scene {
 public:
  using Plant = std::function<void(const TempDirectory& host, const TempDirectory& release)>;

  Scene(const Plant& plant, SyncPolicy policy) : policy_(policy) {
    plant(host_, release_);
    host_.write("etc/neighbour.conf", "unmanaged");
    host_.write("state/keep", "");
    origin_ = capture_app(host_.open(kernel_), sink_);
    target_ = capture_app(release_.open(kernel_), sink_);
  }
  // Random trees. `more` may put further files below etc/app.
  explicit Scene(std::uint64_t seed, int depth = 1, SyncPolicy policy = {}, const Plant& more = {})
      : Scene(
            [&](const TempDirectory& host, const TempDirectory& release) {
              SeededRandom random(seed);
              grow_tree(host.path() / "etc/app", random, depth);
              grow_tree(release.path() / "etc/app", random, depth);
              // A run is prepared against one inode of every kind, whatever the trees became.
              release.write("etc/app/always-new", "new");
              host.write("etc/app/always-old", "old");
              host.write("etc/app/always-changed", "old");
              release.write("etc/app/always-changed", "new");
              if (more) more(host, release);
            },
            policy) {}

  Result<Plan> plan() const { return make_plan({origin_, target_, "v1", "v2", app_specs()}); }

  // As the engine does it; to its end: to the record that says it is verified.
  Status commit(Syscalls& calls, std::size_t threads = 0, Until until = Until::kVerified) const {
    ROLLBACK_ASSIGN(Journal journal, change(calls, threads, until));
    if (until != Until::kVerified) return {};
    return journal.append(JournalPhase{RunPhase::kVerified, {}});
  }

  // The same without that record.
  Result<Journal> change(Syscalls& calls, std::size_t threads = 0,
                         Until until = Until::kCommitted) const {
    ReadPool writers(threads);
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    ROLLBACK_ASSIGN(const RunLock lock, RunLock::take(state));
    ROLLBACK_ASSIGN(const Plan steps, plan());
    std::vector<std::string> paths;
    for (const auto& step : steps.steps) paths.push_back(step.subject);
    JournalBegin begin;
    ROLLBACK_ASSIGN(begin.run, RunId::parse("0123456789ab"));
    ROLLBACK_ASSIGN(StageSet stages, StageSet::locate(root, begin.run, paths));
    ROLLBACK_TRY(check_files({root, state, stages, steps, origin_, target_, 0}));
    begin.stages = stages.paths();
    ROLLBACK_ASSIGN(Journal journal, Journal::create(state, begin));
    ROLLBACK_TRY(stages.make());
    ROLLBACK_ASSIGN(const auto owners, OwnerNames::load(root));
    const auto content = (lost_ ? nothing_ : sink_).source();
    JournalIntent intent;
    ROLLBACK_ASSIGN(intent.files, stage_contents({root, stages, steps, origin_, target_, content,
                                                  owners, writers, policy_}));
    ROLLBACK_ASSIGN(intent.fingerprint, fingerprint(root, origin_));
    ROLLBACK_TRY(journal.append(intent));
    ROLLBACK_TRY(journal.append(JournalPhase{RunPhase::kStaged, {}}));
    if (until == Until::kStaged) return journal;
    ROLLBACK_ASSIGN(const Digest now, fingerprint(root, origin_));
    if (now != intent.fingerprint) return fail(ErrorCode::kConflict, "managed files changed");
    ROLLBACK_TRY(journal.append(JournalPhase{RunPhase::kCommitting, {}}));
    ROLLBACK_TRY(commit_files(LiveFiles(root), stages, intent.files, policy_));
    return journal;
  }

  // What the engine does when a commit failed; nothing when it had not begun.
  Status take_back(Syscalls& calls) const {
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    ROLLBACK_ASSIGN(const auto found, Journal::find(state));
    if (!found || !found->intent || found->phase != RunPhase::kCommitting) return {};
    auto journal = Journal::reopen(state);
    if (journal) (void)journal->append(JournalPhase{RunPhase::kUndoing, {}});
    const auto stages = StageSet::of_journal(root, found->begin.stages);
    const auto undone = undo_files(LiveFiles(root), stages, found->intent->files, policy_);
    if (journal) (void)journal->append(JournalFilesUndone{undone.differs});
    if (undone.differs.empty()) return {};
    return fail(ErrorCode::kIo, undone.differs.front());
  }

  // What the engine does when a run is over.
  Status clean_up(Syscalls& calls) const {
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    ROLLBACK_ASSIGN(const auto found, Journal::find(state));
    if (!found) return Journal::remove(state);
    ROLLBACK_ASSIGN(Journal journal, Journal::reopen(state));
    (void)journal.append(JournalPhase{RunPhase::kDone, {}});
    auto stages = StageSet::of_journal(root, found->begin.stages);
    ROLLBACK_TRY(stages.remove());
    return Journal::remove(state);
  }

  // nullopt when there is no journal; throws when it cannot be read.
  std::optional<RunPhase> phase(Syscalls& calls) const {
    const auto found = Journal::find(host_.open(calls).open_directory("state").value());
    if (!found) throw std::runtime_error(found.error().message);
    if (!*found) return std::nullopt;
    return (*found)->phase;
  }

  Result<Recovery> recover(Syscalls& calls) const {
    ROLLBACK_ASSIGN(const Directory root, Directory::open_root(calls, host_.path()));
    ROLLBACK_ASSIGN(const Directory state, root.open_directory("state"));
    return recover_files(LiveFiles(root), state);
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
