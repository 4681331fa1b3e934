// SPDX-License-Identifier: Apache-2.0
// Commit, undo and recovery of files, without store and units: everything that a run does to a
// file system. Looked at with plain system calls.
#pragma once

#include <memory>
#include <string>

#include "tests/agent/apply/files_scene.h"
#include "tests/agent/apply/seen_tree.h"
#include "tests/proof/disturb.h"

namespace rollback {

// Trees of a host and of the release that it goes to.
struct Trees {
  std::string name;
  Scene::Plant plant;
  Layer disk = {};  // what their file system cannot do
};
Trees plain_trees();   // every kind of change that keeps types
Trees type_changes();  // files, links and directories in each other's place
Trees random_trees(std::uint64_t seed);
Trees without_exchange(Trees trees);      // on a file system that cannot exchange two files
Trees without_rename_flags(Trees trees);  // nor be told not to replace one

enum class Act {
  kCommit = 1,   // all of a run; what fails is taken back as the engine does
  kUndo = 2,     // of a commit that is complete
  kRecover = 3,  // the same after a crash
  kForget = 4,   // a run that was prepared and is no more
  kCleanUp = 5,  // what a run leaves when it is over
};

class FilesSubject final : public Subject {
 public:
  FilesSubject(const Trees& trees, Act act, SyncPolicy policy, Layer layer = {});

  [[nodiscard]] std::string name() const override { return name_; }
  void arrange() override;
  Told act(FaultySyscalls& calls, bool sick) override;
  std::string judge(const Disturbance& what) override;

  // A commit that is killed at its `first`th call that changes something, a recovery at its
  // `second`th and another at its `third`th; what is wrong afterwards. Which of them were killed is
  // told by how many there were.
  std::string nest(int first, int second, int third, int& kills);

 private:
  template <typename Use>
  static auto over(const Layer& layer, Syscalls& below, Use use) {
    const auto made = layer ? layer(below) : nullptr;
    return use(made ? *made : below);
  }
  // With the disk and the layer over `below`, while `use` runs.
  template <typename Use>
  auto layered(Syscalls& below, Use use) {
    return over(disk_, below, [&](Syscalls& disk) { return over(layer_, disk, use); });
  }
  Status recover_all(Syscalls& calls) const;
  std::string decide(bool may_be_target, bool must_be_target);
  std::string look(const SeenTree& wanted) const;
  [[nodiscard]] bool is_clean() const;

  const std::string name_;
  const Act act_;
  const Layer disk_, layer_;
  Scene scene_;
  TempDirectory pristine_;
  SeenTree origin_, target_;
  bool may_leave_home_ = false;
};

// What an act that was disturbed must have told.
std::string judge_told(const Disturbance& what);

}  // namespace rollback
