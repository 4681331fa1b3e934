// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "tests/power/crash_trial.h"
#include "tests/power/jobs.h"
#include "tests/support/effort.h"

namespace rollback {
namespace {
bool is_staged(const SyncCall& c) {
  return c.path.starts_with(".rollback/") && c.path.rfind('/') > 10;
}
bool is_stage(const SyncCall& c) {
  return c.path.starts_with(".rollback/") && c.path.rfind('/') <= 10;
}
bool is_live(const SyncCall& c) { return c.path.starts_with("etc"); }
bool is_journal(const SyncCall& c) { return c.path == "state/journal"; }
struct M {
  std::string name;
  std::vector<std::string> scenarios;
  std::function<bool(const SyncCall&)> drops;
};
std::vector<M> all() {
  std::vector<std::string> any = {"commit", "commit-at-once", "undo", "undo-at-once", "recovery"};
  std::vector<M> list = {
      {"none", any, [](const SyncCall&) { return false; }},
      {"all", any, [](const SyncCall&) { return true; }},
      {"staged", {"commit", "undo", "recovery"}, is_staged},
      {"stage", {"commit", "undo", "recovery"}, is_stage},
      {"stage1",
       {"commit", "undo"},
       [](const SyncCall& c) { return is_stage(c) && c.number == 1; }},
      {"stage2",
       {"commit", "undo"},
       [](const SyncCall& c) { return is_stage(c) && c.number == 2; }},
      {"live", {"commit", "undo", "recovery"}, is_live},
      {"live+stage",
       {"commit", "undo", "recovery"},
       [](const SyncCall& c) { return is_live(c) || is_stage(c); }},
      {".rollback",
       {"commit", "undo", "recovery"},
       [](const SyncCall& c) { return c.path == ".rollback"; }},
      {"top", {"commit", "undo", "recovery"}, [](const SyncCall& c) { return c.path.empty(); }},
      {".rollback+top",
       {"commit", "undo", "recovery"},
       [](const SyncCall& c) { return c.path.empty() || c.path == ".rollback"; }},
      {"state", any, [](const SyncCall& c) { return c.path == "state"; }},
      {"state1", any, [](const SyncCall& c) { return c.path == "state" && c.number == 1; }},
      {"state2", any, [](const SyncCall& c) { return c.path == "state" && c.number == 2; }},
      {"syncfs",
       {"commit-at-once", "undo-at-once"},
       [](const SyncCall& c) { return c.name == "syncfs"; }},
      {"syncfs1",
       {"commit-at-once", "undo-at-once"},
       [](const SyncCall& c) { return c.name == "syncfs" && c.number == 1; }},
      {"syncfs2",
       {"commit-at-once", "undo-at-once"},
       [](const SyncCall& c) { return c.name == "syncfs" && c.number == 2; }},
      {"syncfs3",
       {"undo-at-once"},
       [](const SyncCall& c) { return c.name == "syncfs" && c.number == 3; }},
      {"journal", any, is_journal},
      {"journal2-4", any,
       [](const SyncCall& c) { return is_journal(c) && c.number >= 2 && c.number <= 4; }},
      {"dirs",
       {"commit", "undo", "recovery"},
       [](const SyncCall& c) { return !is_journal(c) && !is_staged(c); }},
  };
  for (int n = 1; n <= 8; ++n)
    list.push_back({fmt::format("journal{}", n), any,
                    [n](const SyncCall& c) { return is_journal(c) && c.number == n; }});
  return list;
}
TEST(Mutants, Matrix) {
  struct J {
    M m;
    std::string fs, sc;
  };
  std::vector<J> jobs;
  const char* only = std::getenv("M");
  for (auto& m : all())
    for (auto& s : m.scenarios)
      for (const char* f : {"ext4", "xfs", "btrfs"})
        if ((!only || std::string(only).find("," + m.name + ",") != std::string::npos) &&
            (!std::getenv("FS") || std::getenv("FS") == std::string(f)))
          jobs.push_back({m, f, s});
  auto found = run_jobs(jobs.size(), [&](std::size_t n, Teller& t) {
    auto& j = jobs[n];
    CrashRig rig(file_system(j.fs));
    rig.mount();
    SeededRandom r(n);
    auto seed = r.below(1ULL << 48);
    const PowerScene host(rig, seed, scenario(j.sc).policy);
    auto rec = record(rig, host, scenario(j.sc), seed,
                      {std::getenv("QUIET") ? Others::kQuiet : Others::kSync, j.m.drops});
    TrialLimits lim;
    lim.most_problems = 1;
    auto out = try_states(rig, host, rec, {{40, 20, 0}, 0, {}}, seed, lim);
    (void)t;
    fmt::print("{:<14} {:<15} {:<6} dropped {:2} of {} events: {}\n", j.m.name, j.sc, j.fs,
               rec.dropped, rec.log.size(),
               out.problems.empty()
                   ? "survived " + std::to_string(out.fingerprints.size())
                   : "caught " + out.problems[0].state + " " + out.problems[0].what.substr(0, 130));
    fflush(stdout);
  });
  std::sort(found.failures.begin(), found.failures.end());
  for (auto& f : found.failures) puts(f.c_str());
}
}  // namespace
}  // namespace rollback
