// SPDX-License-Identifier: Apache-2.0
#include "model/retention.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Duration kDay = std::chrono::hours(24);

// A host on which something happens once a day.
class Days {
 public:
  Days& record(const std::string& name, bool healthy = true) {
    const auto parsed = *RevisionName::parse(name);
    const auto exact = parsed.is_run() || parsed.number() > 0
                           ? parsed
                           : RevisionName::of_release(*ReleaseLabel::parse(name), 1);
    revisions.push_back({exact, SnapshotId{sha256(name)}, sha256(name), now, healthy, ""});
    return *this;
  }
  Days& snapshot(const std::string& name, bool healthy = true) {
    now = now + kDay;
    record(name, healthy);
    return entry(HistoryAction::kSnapshot, deployed, name);
  }
  Days& rollback(const std::string& from, const std::string& to, const std::string& run = "") {
    now = now + kDay;
    if (!run.empty()) record("run:" + run);
    return entry(HistoryAction::kRollback, from, to, run);
  }
  Days& mark(HistoryAction action, const std::string& name) { return entry(action, "", name); }

  [[nodiscard]] std::vector<RetentionDecision> decide(const RetentionRules& rules) const {
    return decide_retention(revision_statuses(revisions, history), history, held, rules, now);
  }
  // What goes, the last first.
  [[nodiscard]] std::vector<std::string> removed(const RetentionRules& rules) const {
    return names_of_removed(decide(rules));
  }
  static std::vector<std::string> names_of_removed(const std::vector<RetentionDecision>& all) {
    std::vector<std::string> names;
    for (auto it = all.rbegin(); it != all.rend(); ++it)
      if (it->removed) names.push_back(it->revision.name.str());
    return names;
  }
  [[nodiscard]] std::string why(const std::string& name, const RetentionRules& rules) const {
    for (const auto& it : decide(rules))
      if (it.revision.name.str() == name) return it.why;
    return "no such revision";
  }

  std::vector<Revision> revisions;
  std::vector<HistoryEntry> history;
  std::set<std::string> held;
  WallTime now{};

 private:
  Days& entry(HistoryAction action, const std::string& from, const std::string& to,
              const std::string& run = "") {
    HistoryEntry made;
    made.seq = history.size() + 1;
    made.time = now;
    made.action = action;
    made.from = from;
    made.to = to;
    made.run = run;
    history.push_back(made);
    if (action == HistoryAction::kSnapshot || action == HistoryAction::kRollback) deployed = to;
    return *this;
  }
  std::string deployed;
};

RetentionRules keep(std::uint32_t count) { return {count, {}, 0}; }

TEST(Retention, KeepsTheNewestGoodReleases) {
  const auto host =
      Days().snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0").snapshot("v1.3.0");
  EXPECT_THAT(host.removed(keep(4)), IsEmpty());
  EXPECT_THAT(host.removed(keep(2)), ElementsAre("v1.0.0", "v1.1.0"));
  EXPECT_EQ(host.why("v1.0.0", keep(2)), "a good release, beyond the 2 newest");
}

TEST(Retention, NeverRemovesTheDeployedAndThePreviousGoodOne) {
  const auto host = Days().snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0");
  EXPECT_THAT(host.removed(keep(1)), ElementsAre("v1.0.0"));
  EXPECT_EQ(host.why("v1.2.0", keep(1)), "deployed");
  EXPECT_EQ(host.why("v1.1.0", keep(1)), "the previous good release");
  EXPECT_THAT(host.removed({0, std::chrono::hours(1), 0}), ElementsAre("v1.0.0"));
}

TEST(Retention, CountsOnlyGoodReleases) {
  const auto host = Days()
                        .snapshot("v1.0.0")
                        .snapshot("v1.1.0")
                        .snapshot("v1.2.0", false)
                        .snapshot("v1.3.0", false)
                        .snapshot("v1.4.0");
  EXPECT_THAT(host.removed(keep(3)), IsEmpty());
  EXPECT_THAT(host.removed(keep(2)), ElementsAre("v1.0.0"));
  EXPECT_THAT(host.removed(keep(1)), ElementsAre("v1.0.0", "v1.2.0"));
  EXPECT_THAT(host.why("v1.2.0", keep(1)), HasSubstr("failed, beyond the 1 newest"));
}

TEST(Retention, KeepsWhatIsPinnedOrHeldByARun) {
  auto host = Days().snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0").snapshot("v1.3.0");
  host.mark(HistoryAction::kPin, "v1.0.0");
  host.held = {"v1.1.0"};
  EXPECT_THAT(host.removed(keep(1)), IsEmpty());
  EXPECT_EQ(host.why("v1.0.0", keep(1)), "pinned");
  EXPECT_EQ(host.why("v1.1.0", keep(1)), "a run holds it");
  host.mark(HistoryAction::kUnpin, "v1.0.0");
  EXPECT_THAT(host.removed(keep(1)), ElementsAre("v1.0.0"));
}

TEST(Retention, BlockedReleasesDoNotCount) {
  auto host = Days().snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0").snapshot("v1.3.0");
  host.mark(HistoryAction::kBlock, "v1.2.0").mark(HistoryAction::kBlock, "v1.1.0");
  EXPECT_THAT(host.removed(keep(2)), IsEmpty());
  EXPECT_THAT(host.removed(keep(1)), ElementsAre("v1.1.0"));
}

TEST(Retention, OriginOfTheLastRunStaysForItsUndo) {
  auto host = Days().snapshot("v1.0.0").snapshot("v1.1.0");
  host.rollback("v1.1.0", "v1.0.0", "0000000000aa").snapshot("v1.2.0");
  host.rollback("v1.2.0", "v1.0.0", "0000000000bb").record("run:0000000000cc");
  EXPECT_THAT(host.removed({0, std::chrono::hours(1), 0}),
              ElementsAre("v1.1.0", "run:0000000000aa"));
  EXPECT_THAT(host.why("run:0000000000bb", {0, std::chrono::hours(1), 0}), HasSubstr("undo"));
}

TEST(Retention, NewIsWhatTheHostWasOnLast) {
  auto host = Days().snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0").snapshot("v1.3.0");
  host.rollback("v1.3.0", "v1.0.0").snapshot("v1.4.0");
  // The host was on v1.0.0 until a moment ago; v1.2.0 is the previous good one as recorded.
  EXPECT_THAT(host.removed(keep(2)), ElementsAre("v1.1.0"));
}

TEST(Retention, WhatWasImportedJustNowIsNew) {
  auto host = Days().record("v0.9.0").snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0");
  host.mark(HistoryAction::kImport, "v0.9.0");
  EXPECT_THAT(host.removed({0, std::chrono::hours(1), 0}), ElementsAre("v1.0.0"));
}

TEST(Retention, AgeRemovesOnlyWhatWasNotUsedForSoLong) {
  auto host = Days().snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0").snapshot("v1.3.0");
  host.now = host.now + 10 * kDay;
  EXPECT_THAT(host.removed({1, 13 * kDay, 0}), IsEmpty());
  EXPECT_THAT(host.removed({1, 11 * kDay, 0}), ElementsAre("v1.0.0"));
  EXPECT_EQ(host.why("v1.0.0", {1, 11 * kDay, 0}),
            "a good release, beyond the 1 newest, not used for 11 days");
  EXPECT_EQ(host.why("v1.1.0", {1, 30 * kDay, 0}), "used in the last 30 days");
}

TEST(Retention, SizeRemovesTheOldestUntilTheRestFits) {
  const auto host =
      Days().snapshot("v1.0.0").snapshot("v1.1.0").snapshot("v1.2.0").snapshot("v1.3.0");
  auto decisions = host.decide({0, {}, 100});
  EXPECT_THAT(Days::names_of_removed(decisions), IsEmpty());
  for (auto& it : decisions) it.bytes = 40;
  EXPECT_TRUE(make_room(decisions, 120));
  EXPECT_THAT(Days::names_of_removed(decisions), ElementsAre("v1.0.0"));
  EXPECT_FALSE(make_room(decisions, 79));
  EXPECT_THAT(Days::names_of_removed(decisions), ElementsAre("v1.0.0", "v1.1.0"));
}

// What the rules are meant to say, told without their order and their words.
class Naive {
 public:
  Naive(const std::vector<RevisionStatus>& known, const Days& host, const RetentionRules& rules)
      : known_(known), host_(host), rules_(rules) {}

  [[nodiscard]] bool stays(const RevisionStatus& it) const {
    const auto previous = previous_target(known_);
    const std::string name = it.revision.name.str();
    return it.pinned || it.status == ReleaseStatus::kDeployed || host_.held.contains(name) ||
           (previous && previous->name == it.revision.name) || is_last_origin(name) ||
           newer_of_its_kind(it) < rules_.keep;
  }
  [[nodiscard]] bool goes(const RevisionStatus& it) const {
    if (stays(it)) return false;
    if (rules_.older_than != Duration{}) return host_.now - used(it) > rules_.older_than;
    return rules_.max_size == 0;
  }

 private:
  static int kind(const RevisionStatus& it) {
    return it.revision.name.is_run() ? 0 : is_good(it) ? 1 : 2;
  }
  [[nodiscard]] WallTime used(const RevisionStatus& it) const {
    WallTime last = it.revision.recorded;
    for (const auto& entry : host_.history)
      if (entry.action <= HistoryAction::kUndo &&
          (entry.from == it.revision.name.str() || entry.to == it.revision.name.str()))
        last = std::max(last, entry.time);
    return last;
  }
  [[nodiscard]] bool is_last_origin(const std::string& name) const {
    std::string last;
    for (const auto& entry : host_.history)
      if (entry.action == HistoryAction::kRollback) last = "run:" + entry.run;
    return name == last;
  }
  // Of two used at the same time the one recorded later is newer.
  [[nodiscard]] std::uint32_t newer_of_its_kind(const RevisionStatus& it) const {
    std::uint32_t newer = 0;
    bool behind = false;
    for (const auto& other : known_) {
      if (&other == &it) {
        behind = true;
        continue;
      }
      if (kind(other) != kind(it)) continue;
      newer += used(other) > used(it) || (behind && used(other) == used(it)) ? 1 : 0;
    }
    return newer;
  }

  const std::vector<RevisionStatus>& known_;
  const Days& host_;
  const RetentionRules& rules_;
};

Days random_host(SeededRandom& random) {
  Days host;
  std::vector<std::string> names;
  const auto any = [&] { return names[random.below(names.size())]; };
  for (std::uint64_t step = 5 + random.below(30); step > 0; --step) {
    const std::uint64_t what = random.below(10);
    if (names.size() < 2 || what < 5) {
      names.push_back("v1." + std::to_string(names.size()) + ".0");
      host.snapshot(names.back(), random.below(6) != 0);
    } else if (what < 7) {
      std::string run = std::to_string(step);
      run.insert(0, 12 - run.size(), '0');
      host.rollback(any(), any(), run);
    } else if (what < 9) {
      host.mark(static_cast<HistoryAction>(4 + random.below(4)), any());
    } else {
      host.held.insert(any());
    }
  }
  return host;
}

TEST(Retention, RandomHostsAreDecidedAsTheRulesAreMeant) {
  SeededRandom random;
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + ", " + "seed " +
                 std::to_string(seed_of_this_run()));
    const Days host = random_host(random);
    const RetentionRules rules{
        static_cast<std::uint32_t>(random.below(5)),
        random.below(3) == 0 ? static_cast<int>(1 + random.below(20)) * kDay : Duration{},
        random.below(3) == 0 ? 1 + random.below(1000) : 0};
    const auto known = revision_statuses(host.revisions, host.history);
    const Naive naive(known, host, rules);
    auto decisions = host.decide(rules);
    ASSERT_EQ(decisions.size(), known.size());
    std::map<std::string, RetentionDecision*> by_name;
    for (auto& it : decisions) by_name[it.revision.name.str()] = &it;
    for (const auto& it : known) {
      const auto& decision = *by_name.at(it.revision.name.str());
      EXPECT_EQ(decision.spare, !naive.stays(it)) << it.revision.name.str() << ": " << decision.why;
      EXPECT_EQ(decision.removed, naive.goes(it)) << it.revision.name.str() << ": " << decision.why;
      EXPECT_NE(decision.why, "");
    }
    std::uint64_t staying = 0;
    for (auto& it : decisions) {
      it.bytes = random.below(200);
      staying += it.spare ? 0 : it.bytes;
    }
    if (rules.max_size == 0) continue;
    EXPECT_EQ(make_room(decisions, rules.max_size), staying <= rules.max_size);
    std::uint64_t left = 0;
    for (const auto& it : decisions) left += it.removed ? 0 : it.bytes;
    EXPECT_LE(left, std::max(staying, rules.max_size));
    for (const auto& it : decisions) EXPECT_FALSE(it.removed && !it.spare);
  }
}

TEST(Retention, SaysHowLongOriginsStay) {
  EXPECT_EQ(origins_stay({}), "until `prune` removes it");
  EXPECT_EQ(origins_stay({.keep = 10}), "while it is among the 10 newest");
  EXPECT_EQ(origins_stay({.keep = 10, .older_than = 30 * kDay, .max_size = 1 << 30}),
            "while it is among the 10 newest, or it was used in the last 30 days, or the store has "
            "room for it");
}

}  // namespace
}  // namespace rollback
