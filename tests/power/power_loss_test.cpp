// SPDX-License-Identifier: Apache-2.0
// A power cut at any write of a run leaves a host that recovery takes to its origin or its target,
// as it was promised, and nothing else on the disk is touched. On real file systems.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tests/power/crash_trial.h"
#include "tests/power/jobs.h"
#include "tests/support/effort.h"

namespace rollback {
namespace {

// A torn superblock is the file system's own. One in so many states may be of that kind.
constexpr std::size_t kMountableOf = 25;

// One recording on one file system.
struct Case {
  std::string file_system;
  std::string scenario;
  std::uint64_t seed = 0;
  std::string only;  // one state of it

  [[nodiscard]] std::string text(const std::string& state) const {
    return fmt::format("{}ROLLBACK_CASE={}:{}:{}:{}", is_nightly() ? "ROLLBACK_NIGHTLY=1 " : "",
                       file_system, scenario, seed, state);
  }
};

TrialBudget budget_of_this_run() {
  if (!is_nightly()) return {{25, 11, 6}, 2, {2, 1, 1}};
  constexpr std::size_t kAll = 100000;
  return {{kAll, 90, 50}, 10, {4, 3, 2}};
}

// The slow ones first.
std::vector<Case> cases_of_this_run() {
  if (const char* given = std::getenv("ROLLBACK_CASE"); given != nullptr) {
    std::vector<std::string> parts(1);
    for (const char* at = given; *at != '\0'; ++at)
      *at == ':' ? void(parts.emplace_back()) : parts.back().push_back(*at);
    if (parts.size() != 4) throw std::runtime_error("ROLLBACK_CASE is not fs:scenario:seed:state");
    return {{parts[0], parts[1], std::stoull(parts[2]), parts[3]}};
  }
  SeededRandom random;
  std::vector<Case> cases;
  for (const char* name : {"btrfs", "xfs", "ext4-noauto", "ext4"}) {
    const bool is_ext4 = std::string_view(name).starts_with("ext4");
    const int rounds = !is_nightly() ? 1 : is_ext4 ? 6 : 5;
    for (int round = 0; round < rounds; ++round)
      for (const auto& one : every_scenario())
        cases.push_back({name, one.name, random.below(1ULL << 48U), ""});
  }
  return cases;
}

void try_case(const Case& one, Teller& teller) {
  CrashRig rig(file_system(one.file_system));
  if (!rig.mount()) throw std::runtime_error("cannot mount a new " + one.file_system);
  const auto& what = scenario(one.scenario);
  const PowerScene host(rig, one.seed, what.policy);
  const auto recording =
      record(rig, host, what, one.seed, {one.seed % 2 == 0 ? Others::kQuiet : Others::kSync, {}});
  TrialLimits limits;
  limits.only = one.only;
  const auto outcome = try_states(rig, host, recording, budget_of_this_run(), one.seed, limits);
  const auto tell = [&](std::string_view name, std::size_t count) {
    teller.count(fmt::format("{} {}", one.file_system, name), count);
  };
  for (const auto kind : kEveryCrashKind)
    tell(to_string(kind), outcome.by_kind[static_cast<int>(kind)]);
  tell("nested", outcome.nested);
  tell("unmountable", outcome.unmountable);
  tell("states", outcome.fingerprints.size());
  for (const auto fingerprint : outcome.fingerprints) teller.saw(fingerprint);
  for (const auto& problem : outcome.problems)
    teller.fail(fmt::format("{}: {}\n  repeat: {} power_loss_test --gtest_filter=PowerLoss.*",
                            one.scenario, problem.what, one.text(problem.state)));
}

void print(const Findings& found) {
  for (const auto& kind : every_file_system())
    fmt::print(
        "covered: {:<12} {:5} states: {} prefixes, {} with lost writes, {} torn, {} of a recovery; "
        "{} could not be mounted\n",
        kind.name, found.count(kind.name + " states"), found.count(kind.name + " prefix"),
        found.count(kind.name + " lost"), found.count(kind.name + " torn"),
        found.count(kind.name + " nested"), found.count(kind.name + " unmountable"));
  fmt::print("covered: {} distinct states after a power cut in {:.1f} s, {:.0f} a second\n",
             found.distinct.size(), found.seconds,
             static_cast<double>(found.distinct.size()) / found.seconds);
}

TEST(PowerLoss, EndsOnTheOriginOrTheTargetAsPromised) {
  const auto cases = cases_of_this_run();
  const auto found = run_jobs(
      cases.size(), [&](std::size_t number, Teller& teller) { try_case(cases[number], teller); });
  print(found);
  for (const auto& failure : found.failures) ADD_FAILURE() << failure;
  for (const auto& kind : every_file_system())
    EXPECT_LE(kMountableOf * found.count(kind.name + " unmountable"),
              kMountableOf + found.count(kind.name + " states"))
        << kind.name;
  if (cases.size() == 1) return;
  EXPECT_GE(found.distinct.size(), is_nightly() ? 25000U : 1000U);
}

}  // namespace
}  // namespace rollback
