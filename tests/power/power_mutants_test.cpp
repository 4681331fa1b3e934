// SPDX-License-Identifier: Apache-2.0
// The engine without one of its syncs is caught by the proof of power_loss_test.cpp. Each mutant is
// tried where its file system lets it show: ext4 and XFS write everything that came before with any
// fsync, so the order of names can be lost on btrfs only.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tests/power/crash_trial.h"
#include "tests/power/jobs.h"
#include "tests/support/effort.h"

namespace rollback {
namespace {

constexpr int kMostRounds = 8;  // random trees, quiet and busy in turn; most need one
const TrialBudget kStates{{30, 20, 0}, 0, {}};

bool is_stage(const SyncCall& call) {
  return call.path.starts_with(".rollback/") && call.path.find('/') == call.path.rfind('/');
}
bool is_staged(const SyncCall& call) {
  return call.path.starts_with(".rollback/") && !is_stage(call);
}
bool is_live(const SyncCall& call) { return call.path.starts_with("etc"); }
// The records of a journal: begin, intent, staged, committing; then verified and done, or undoing,
// undone and done.
bool is_record(const SyncCall& call, int from, int to) {
  return call.path == "state/journal" && call.number >= from && call.number <= to;
}

struct Mutant {
  std::string name;  // what the engine does not sync
  std::string file_system;
  std::string scenario;
  bool (*drops)(const SyncCall&);
  bool always = false;  // not only at night
};

const std::vector<Mutant>& every_mutant() {
  using Call = const SyncCall&;
  static const std::vector<Mutant> all = {
      {"staged files", "ext4", "commit", is_staged, true},
      {"staged files", "ext4-noauto", "commit", is_staged},
      {"staged files", "xfs", "commit", is_staged},
      {"staged files", "btrfs", "commit", is_staged},
      {"anything at once", "ext4", "commit-at-once",
       [](Call call) { return call.name == "syncfs"; }},
      {"anything at once", "xfs", "commit-at-once",
       [](Call call) { return call.name == "syncfs"; }},
      {"the commit at once", "btrfs", "commit-at-once",
       [](Call call) { return call.name == "syncfs" && call.number == 2; }},
      {"the undo at once", "btrfs", "undo-at-once",
       [](Call call) { return call.name == "syncfs" && call.number == 3; }},
      {"anything at once", "btrfs", "commit-at-once",
       [](Call call) { return call.name == "syncfs"; }, true},
      {"the directory of a stage", "btrfs", "undo", is_stage},
      {"the directories of an undo", "btrfs", "undo",
       [](Call call) { return is_live(call) || is_stage(call); }, true},
      {"that it is verified", "ext4", "commit", [](Call call) { return is_record(call, 5, 5); },
       true},
      {"that it is verified", "xfs", "commit", [](Call call) { return is_record(call, 5, 5); }},
      {"that it is verified", "btrfs", "commit", [](Call call) { return is_record(call, 5, 5); }},
      {"that it is verified", "xfs", "commit-at-once",
       [](Call call) { return is_record(call, 5, 5); }},
      {"what it is about to do", "xfs", "commit", [](Call call) { return is_record(call, 1, 4); }},
      {"what it is about to do", "ext4", "commit", [](Call call) { return is_record(call, 1, 4); }},
      {"the journal", "ext4", "commit", [](Call call) { return is_record(call, 1, 9); }},
      {"the journal", "xfs", "undo", [](Call call) { return is_record(call, 1, 9); }},
      {"the journal", "btrfs", "commit", [](Call call) { return is_record(call, 1, 9); }},
      {"that the journal is gone", "ext4", "commit",
       [](Call call) { return call.path == "state" && call.number == 2; }},
      {"that the journal is gone", "xfs", "commit",
       [](Call call) { return call.path == "state" && call.number == 2; }, true},
      {"that the journal is gone", "btrfs", "undo",
       [](Call call) { return call.path == "state" && call.number == 2; }},
      {"any directory", "btrfs", "undo",
       [](Call call) { return call.path != "state/journal" && !is_staged(call); }},
      {"anything", "ext4", "commit", [](Call) { return true; }},
      {"anything", "xfs", "undo", [](Call) { return true; }},
      {"anything", "btrfs", "commit", [](Call) { return true; }},
  };
  return all;
}

std::vector<Mutant> mutants_of_this_run() {
  const char* given = std::getenv("ROLLBACK_CASE");  // words of a mutant
  std::vector<Mutant> chosen;
  for (const auto& mutant : every_mutant()) {
    const auto name = fmt::format("{} {} {}", mutant.file_system, mutant.scenario, mutant.name);
    if (given != nullptr ? name.find(given) != std::string::npos : is_nightly() || mutant.always)
      chosen.push_back(mutant);
  }
  return chosen;
}

// What one random tree shows of it; "" when nothing.
std::string try_mutant(const Mutant& mutant, std::uint64_t seed, Others others) {
  CrashRig rig(file_system(mutant.file_system));
  if (!rig.mount()) throw std::runtime_error("cannot mount a new " + mutant.file_system);
  const auto& what = scenario(mutant.scenario);
  const PowerScene host(rig, seed, what.policy);
  const auto recording = record(rig, host, what, seed, {others, mutant.drops});
  if (recording.dropped == 0) throw std::runtime_error("it loses no sync: " + mutant.name);
  TrialLimits limits;
  limits.most_problems = 1;
  const auto outcome = try_states(rig, host, recording, kStates, seed, limits);
  return outcome.problems.empty() ? "" : outcome.problems.front().what;
}

TEST(PowerLossMutants, AreCaught) {
  const auto mutants = mutants_of_this_run();
  SeededRandom random;
  const auto seed = random.below(1ULL << 48U);
  const auto found = run_jobs(mutants.size(), [&](std::size_t number, Teller& teller) {
    const auto& mutant = mutants[number];
    const auto name =
        fmt::format("{} {} without {}", mutant.file_system, mutant.scenario, mutant.name);
    for (int round = 0; round < kMostRounds; ++round) {
      const auto others = round % 2 == 0 ? Others::kQuiet : Others::kSync;
      const auto shown = try_mutant(mutant, seed + static_cast<std::uint64_t>(round), others);
      if (shown.empty()) continue;
      teller.count("caught");
      teller.count(fmt::format("{}, round {}: {}", name, round + 1, shown));
      return;
    }
    teller.fail(name + " is not caught; repeat: ROLLBACK_CASE='" + mutant.file_system + " " +
                mutant.scenario + " " + mutant.name +
                "' power_loss_test --gtest_filter=PowerLossMutants.*");
  });
  for (const auto& [what, count] : found.counts)
    if (what != "caught") fmt::print("{}\n", what);
  fmt::print("{} of {} mutants caught in {:.1f} s\n", found.count("caught"), mutants.size(),
             found.seconds);
  for (const auto& failure : found.failures) ADD_FAILURE() << failure;
  EXPECT_EQ(found.count("caught"), mutants.size());
}

}  // namespace
}  // namespace rollback
