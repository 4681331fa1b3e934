// SPDX-License-Identifier: Apache-2.0
// Mistakes that an engine could make, each noticed by the proofs; and what the engine does without
// them, by the same checks.
#include "tests/proof/mutants.h"

#include <gtest/gtest.h>
#include <linux/fs.h>

#include <cstdio>
#include <optional>

#include "core/fs/publish.h"
#include "tests/support/effort.h"
#include "tests/support/passing_syscalls.h"
#include "tests/support/tree_copy.h"

namespace rollback {
namespace {

namespace fs = std::filesystem;

// "" when nothing noticed it; otherwise the case that did.
std::string noticed(const Mutant& mutant) {
  Coverage coverage{Counted::kMutating, true, 1, 0, 0};
  if (mutant.tried == Tried::kErrors) coverage = {Counted::kMutating, true, 0, 1, 0};
  Findings findings(mutant.name);
  FilesSubject subject(plain_trees(), mutant.act, {}, mutant.layer);
  disturb_everywhere(subject, coverage, findings, 1);
  return findings.lines().empty() ? "" : findings.lines().front();
}

TEST(Mutants, OfOneHostAreNoticed) {
  const auto all = careless_mutants();
  EXPECT_GE(all.size(), 30U);
  std::size_t caught = 0;
  for (const auto& mutant : all) {
    const auto by = noticed(mutant);
    EXPECT_NE(by, "") << "nothing notices an engine that " << mutant.name;
    std::printf("%s: %s\n", mutant.name.c_str(), by.substr(0, 200).c_str());
    caught += by.empty() ? 0 : 1;
  }
  std::printf("covered: careless engines: %zu of %zu noticed\n", caught, all.size());
}

// One check of what the engine does where it is not alone; "" when it is right.
struct Check {
  std::string name;
  std::function<std::string(const Layer&)> wrong;
  Layer mutant;
};

std::unique_ptr<Syscalls> over(const Layer& layer, Syscalls& below) {
  if (layer) return layer(below);
  return std::make_unique<PassingSyscalls>(below);
}

std::string second_run(const Layer& layer) {
  Scene scene(plain_trees().plant, {});
  const auto root = scene.host().open(scene.kernel());
  const auto state = root.open_directory("state");
  const auto lock = RunLock::take(*state);
  const auto calls = over(layer, scene.kernel());
  return scene.commit(*calls) ? "two runs at the same time" : "";
}

// How many records are synced then.
enum class When { kPrepared = 3, kCommitting = 4 };

// Somebody does something meanwhile.
std::string meanwhile(const Layer& layer, When when, const std::function<void(const Scene&)>& act,
                      const std::function<std::string(const Scene&)>& wrong) {
  Scene scene(plain_trees().plant, {});
  FaultySyscalls hears(scene.kernel());
  int records = 0;
  hears.answer = [&](std::string_view call) {
    if (call == "fdatasync" && ++records == static_cast<int>(when)) act(scene);
    return 0;
  };
  const auto calls = over(layer, hears);
  (void)scene.commit(*calls);
  return wrong(scene);
}

std::string created_meanwhile(const Layer& layer) {
  return meanwhile(
      layer, When::kPrepared,
      [](const Scene& scene) { scene.host().write("etc/app/kept/fresh", "of somebody"); },
      [](const Scene& scene) -> std::string {
        const auto path = scene.host().path() / "etc/app/kept/fresh";
        if (fs::is_regular_file(path) && scene.host().read("etc/app/kept/fresh") == "of somebody")
          return "";
        return "what somebody made is gone";
      });
}

std::string edited(const Layer& layer, When when) {
  return meanwhile(
      layer, when,
      [](const Scene& scene) {
        const auto path = scene.host().path() / "etc/app/conf";
        const auto time = fs::last_write_time(path);
        scene.host().write("etc/app/conf", "edited");
        fs::last_write_time(path, time);
      },
      [](const Scene& scene) -> std::string {
        return scene.host().read("etc/app/conf") == "edited" ? "" : "an edit was written over";
      });
}

std::string edited_meanwhile(const Layer& layer) { return edited(layer, When::kPrepared); }
std::string edited_at_work(const Layer& layer) { return edited(layer, When::kCommitting); }

class SickDisk final : public PassingSyscalls {
 public:
  SickDisk(Syscalls& below, bool full) : PassingSyscalls(below), full_(full) {}
  int fstatvfs(int fd, struct statvfs& out) override {
    const int result = below_.fstatvfs(fd, out);
    if (full_) out.f_bavail = 0;
    return result;
  }
  int ioctl_flags(int, long& flags) override {
    flags = full_ ? 0 : FS_IMMUTABLE_FL;
    return 0;
  }

 private:
  const bool full_;
};

std::string refused_by(const Layer& layer, bool full) {
  Scene scene(plain_trees().plant, {});
  SickDisk sick(scene.kernel(), full);
  const auto calls = over(layer, sick);
  return scene.commit(*calls) ? "it was not refused" : "";
}

// The name of the temporary is taken by a second name of a file that is not ours.
std::string planted_temporary(const Layer& layer) {
  const TempDirectory directory;
  directory.write("canary", "not ours, and longer than what is written");
  fs::create_hard_link(directory.path() / "canary", directory.path() / ".file.rollback-new");
  KernelSyscalls kernel;
  const auto calls = over(layer, kernel);
  (void)replace_file(directory.open(*calls), "file", "ours", 0600);
  return directory.read("canary").starts_with("not ours") ? "" : "a file of others was written";
}

TEST(Mutants, AmongOthersAreNoticed) {
  const auto full = [](const Layer& layer) { return refused_by(layer, true); };
  const auto immutable = [](const Layer& layer) { return refused_by(layer, false); };
  const std::vector<Check> checks = {
      {"takes no lock", second_run, without_lock()},
      {"replaces what it should not", created_meanwhile, without_noreplace()},
      {"sees no edit", edited_meanwhile, without_change_times()},
      {"sees no edit at work", edited_at_work, without_change_times()},
      {"sees no full disk", full, without_sight_of_full_disks()},
      {"sees no flags", immutable, without_sight_of_flags()},
      {"creates over what is there", planted_temporary, without_exclusive_creation()}};
  std::size_t caught = 0;
  for (const auto& check : checks) {
    EXPECT_EQ(check.wrong({}), "") << "an engine without the mistake that " << check.name;
    const auto by = check.wrong(check.mutant);
    EXPECT_NE(by, "") << "nothing notices an engine that " << check.name;
    std::printf("%s: %s\n", check.name.c_str(), by.c_str());
    caught += by.empty() ? 0 : 1;
  }
  std::printf("covered: engines that trust others: %zu of %zu noticed\n", caught, checks.size());
}

}  // namespace
}  // namespace rollback
