// SPDX-License-Identifier: Apache-2.0
// Somebody without privileges who owns a directory of the tree that is taken back: a process of his
// own, which swaps what is in it with links to the outside, as fast as the kernel lets him.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "tests/agent/apply/files_scene.h"
#include "tests/agent/apply/seen_tree.h"

namespace rollback {

inline constexpr uid_t kAttacker = 12'345;

// A host whose /etc/app/user is his, and a directory "outside" of which nothing may ever change.
class AttackedHost {
 public:
  AttackedHost();
  [[nodiscard]] const Scene& scene() const noexcept { return scene_; }
  Scene& scene() noexcept { return scene_; }
  [[nodiscard]] std::filesystem::path user() const;  // his, in the tree
  [[nodiscard]] std::filesystem::path home() const { return around_.path() / "home"; }
  [[nodiscard]] std::filesystem::path outside() const { return around_.path() / "outside"; }
  // "" while nothing outside has changed: names, contents, inodes, owners, modes, times.
  [[nodiscard]] std::string escaped() const;
  static Digest secret();  // of a file outside

 private:
  [[nodiscard]] SeenTree look() const { return look_at(around_.path().string(), {"/outside"}); }
  TempDirectory around_;
  Scene scene_;
  SeenTree before_;
};

class Attacker {
 public:
  Attacker(const AttackedHost& host, std::uint64_t seed);
  ~Attacker();  // he is ended, and what he did stays
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;
  [[nodiscard]] long swaps() const { return *swaps_; }  // that the kernel did for him

 private:
  [[noreturn]] void attack(const AttackedHost& host, std::uint64_t seed);
  std::atomic<long>* swaps_;  // shared with him
  pid_t pid_ = -1;
};

}  // namespace rollback
