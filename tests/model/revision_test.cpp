// SPDX-License-Identifier: Apache-2.0
#include "model/revision.h"

#include <gmock/gmock.h>

#include <map>

namespace rollback {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kRun = "run:0102030405aa";

// Revisions recorded one second apart; content is what `content` says, so that origins of runs can
// equal a release.
class Host {
 public:
  Host& record(const std::string& name, bool healthy = true, const std::string& content = "") {
    const auto parsed = *RevisionName::parse(name);
    const auto exact = parsed.is_run() || parsed.number() > 0
                           ? parsed
                           : RevisionName::of_release(*ReleaseLabel::parse(name), 1);
    revisions_.push_back({exact, SnapshotId{sha256(name)}, sha256(content.empty() ? name : content),
                          WallTime{++time_}, healthy, ""});
    return *this;
  }
  Host& snapshot(const std::string& name, bool healthy = true) {
    record(name, healthy);
    return entry(HistoryAction::kSnapshot, "", name);
  }
  Host& entry(HistoryAction action, const std::string& from, const std::string& to,
              RunOutcome outcome = RunOutcome::kSucceeded) {
    HistoryEntry entry;
    entry.seq = history_.size() + 1;
    entry.action = action;
    entry.from = from;
    entry.to = to;
    entry.outcome = outcome;
    history_.push_back(entry);
    return *this;
  }
  Host& rollback(const std::string& from, const std::string& to,
                 RunOutcome outcome = RunOutcome::kSucceeded) {
    return entry(HistoryAction::kRollback, from, to, outcome);
  }
  Host& mark(HistoryAction action, const std::string& name, const std::string& why = "") {
    entry(action, "", name);
    history_.back().actor = "root";
    history_.back().reason = why;
    return *this;
  }
  [[nodiscard]] std::vector<RevisionStatus> known() const {
    return revision_statuses(revisions_, history_);
  }
  // "deployed", "rolled-back blocked", "available pinned"
  [[nodiscard]] std::string status(const std::string& name) const {
    for (const auto& it : known())
      if (it.revision.name.str() == name)
        return std::string(to_string(it.status)) + (it.blocked ? " blocked" : "") +
               (it.pinned ? " pinned" : "");
    return "no such revision";
  }
  [[nodiscard]] std::string resolve(const std::string& text) const {
    const auto target = resolve_target(*RevisionName::parse(text), known());
    return target ? target->name.str()
                  : std::string(to_string(target.error().code)) + ": " + target.error().message;
  }
  [[nodiscard]] std::string previous() const {
    const auto target = previous_target(known());
    return target ? target->name.str() : std::string(to_string(target.error().code));
  }

 private:
  std::vector<Revision> revisions_;
  std::vector<HistoryEntry> history_;
  std::int64_t time_ = 0;
};

TEST(RevisionName, ParsesReleasesNumbersAndRuns) {
  EXPECT_EQ(RevisionName::parse("2.4.1")->label(), "v2.4.1");
  EXPECT_EQ(RevisionName::parse("v2.4.1")->number(), 0U);
  EXPECT_EQ(RevisionName::parse("v2.4.1@1")->str(), "v2.4.1");
  EXPECT_EQ(RevisionName::parse("v2.4.1@12")->str(), "v2.4.1@12");
  EXPECT_TRUE(RevisionName::parse(kRun)->is_run());
  EXPECT_EQ(RevisionName::parse(kRun)->str(), kRun);
  EXPECT_EQ(*RevisionName::parse(kRun), RevisionName::of_run(*RunId::parse("0102030405aa")));
}

TEST(RevisionName, RefusesWhatIsNoRevision) {
  for (const auto* text : {"", "latest", "v2.4", "v2.4.1@", "v2.4.1@0", "v2.4.1@01", "v2.4.1@x",
                           "v2.4.1@4294967296", "v2.4.1@1@2", "run:", "run:xyz", "@1"})
    EXPECT_FALSE(RevisionName::parse(text)) << text;
}

TEST(RevisionStatus, LeftForAnotherReleaseIsAvailable) {
  const auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0");
  EXPECT_EQ(host.status("v2.4.1"), "available");
  EXPECT_EQ(host.status("v2.5.0"), "deployed");
}

TEST(RevisionStatus, NewerRevisionOfTheSameReleaseSupersedes) {
  const auto host = Host().snapshot("v2.4.1").snapshot("v2.4.1@2").snapshot("v2.5.0");
  EXPECT_EQ(host.status("v2.4.1"), "superseded");
  EXPECT_EQ(host.resolve("v2.4.1"), "v2.4.1@2");
  EXPECT_EQ(host.resolve("v2.4.1@1"), "v2.4.1");
}

TEST(RevisionStatus, RevisionRecordedRedIsFailedAndSupersedesNothing) {
  const auto host = Host().snapshot("v2.4.1").snapshot("v2.4.1@2", false);
  EXPECT_EQ(host.status("v2.4.1@2"), "failed");
  EXPECT_EQ(host.resolve("v2.4.1"), "v2.4.1");
  EXPECT_THAT(host.resolve("v2.4.1@2"), HasSubstr("conflict"));
}

TEST(RevisionStatus, SuccessfulRollbackBlocksWhatItLeft) {
  const auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0").rollback("v2.5.0", "v2.4.1");
  EXPECT_EQ(host.status("v2.5.0"), "rolled-back blocked");
  EXPECT_EQ(host.status("v2.4.1"), "deployed");
  EXPECT_THAT(host.resolve("v2.5.0"), HasSubstr("conflict: v2.5.0 is blocked"));
}

TEST(RevisionStatus, RollbackFromAnUnrecordedStateBlocksNothing) {
  for (const auto* from : {"", "run:0102030405aa"}) {
    const auto host = Host()
                          .snapshot("v2.3.0")
                          .snapshot("v2.4.1")
                          .record(std::string(kRun))
                          .rollback(from, "v2.3.0");
    EXPECT_EQ(host.status("v2.4.1"), "available") << from;
    EXPECT_EQ(host.status("v2.3.0"), "deployed") << from;
    EXPECT_EQ(host.status(std::string(kRun)), "available") << from;
  }
}

TEST(RevisionStatus, FailedRollbackChangesNothing) {
  for (const auto outcome : {RunOutcome::kRestored, RunOutcome::kRefused, RunOutcome::kForgotten,
                             RunOutcome::kRunning}) {
    const auto host =
        Host().snapshot("v2.4.1").snapshot("v2.5.0").rollback("v2.5.0", "v2.4.1", outcome);
    EXPECT_EQ(host.status("v2.5.0"), "deployed");
    EXPECT_EQ(host.status("v2.4.1"), "available");
  }
}

TEST(RevisionStatus, InconsistentTargetCanBeTriedAgain) {
  auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0").rollback("v2.5.0", "v2.4.1",
                                                                    RunOutcome::kInconsistent);
  EXPECT_EQ(host.status("v2.4.1"), "inconsistent");
  EXPECT_EQ(host.resolve("v2.4.1"), "v2.4.1");
  host.rollback("", "v2.4.1");
  EXPECT_EQ(host.status("v2.4.1"), "deployed");
}

TEST(RevisionStatus, UndoingARollbackDeploysTheReleaseOfItsOriginAgain) {
  for (const auto action : {HistoryAction::kUndo, HistoryAction::kRollback}) {
    auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0").rollback("v2.5.0", "v2.4.1");
    host.record(std::string(kRun), true, "v2.5.0").entry(action, "v2.4.1", std::string(kRun));
    EXPECT_EQ(host.status("v2.5.0"), "deployed");
    EXPECT_EQ(host.status("v2.4.1"), "available");
    EXPECT_EQ(host.status(std::string(kRun)), "available");
  }
}

TEST(RevisionStatus, UndoingToAnUnrecordedOriginBlocksNothing) {
  const auto host = Host()
                        .snapshot("v2.4.1")
                        .record(std::string(kRun))
                        .rollback("", "v2.4.1")
                        .entry(HistoryAction::kUndo, "v2.4.1", std::string(kRun));
  EXPECT_EQ(host.status("v2.4.1"), "available");
  EXPECT_EQ(host.status(std::string(kRun)), "deployed");
  EXPECT_EQ(host.resolve(std::string(kRun)), kRun);
}

TEST(RevisionStatus, AnImportBringsATargetAndDoesNotMoveTheHost) {
  auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0").record("v2.4.1@2");
  host.entry(HistoryAction::kImport, "v2.5.0", "v2.4.1@2");
  EXPECT_EQ(host.status("v2.5.0"), "deployed");
  EXPECT_EQ(host.status("v2.4.1"), "superseded");
  EXPECT_EQ(host.resolve("v2.4.1"), "v2.4.1@2");
  host.entry(HistoryAction::kImport, "v2.5.0", "v2.5.0");  // known already
  EXPECT_EQ(host.status("v2.5.0"), "deployed");
}

TEST(RevisionStatus, OlderRevisionRolledBackToIsTheNewestGoodOneAfterwards) {
  const auto host = Host()
                        .snapshot("v2.4.1")
                        .snapshot("v2.4.1@2")
                        .rollback("v2.4.1@2", "v2.4.1")
                        .snapshot("v2.6.0");
  EXPECT_EQ(host.status("v2.4.1@2"), "rolled-back blocked");
  EXPECT_EQ(host.status("v2.4.1"), "available");
  EXPECT_EQ(host.resolve("v2.4.1"), "v2.4.1");
}

TEST(RevisionStatus, PinsLastUntilTheyAreTakenOff) {
  auto host = Host().snapshot("v2.4.1").mark(HistoryAction::kPin, "v2.4.1");
  EXPECT_EQ(host.status("v2.4.1"), "deployed pinned");
  host.snapshot("v2.5.0").rollback("v2.5.0", "v2.4.1").mark(HistoryAction::kPin, "v2.5.0");
  EXPECT_EQ(host.status("v2.4.1"), "deployed pinned");
  EXPECT_EQ(host.status("v2.5.0"), "rolled-back blocked pinned");
  host.rollback("v2.4.1", "v2.5.0").snapshot("v2.4.1");
  EXPECT_EQ(host.status("v2.4.1"), "deployed pinned");
  host.mark(HistoryAction::kUnpin, "v2.4.1");
  EXPECT_EQ(host.status("v2.4.1"), "deployed");
}

TEST(RevisionStatus, BlockedByAnOperatorStaysSoUntilUnblock) {
  auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0").snapshot("v2.6.0");
  host.mark(HistoryAction::kBlock, "v2.5.0", "loses orders");
  EXPECT_EQ(host.status("v2.5.0"), "available blocked");
  EXPECT_EQ(host.previous(), "v2.4.1");
  EXPECT_THAT(host.resolve("v2.5.0"), HasSubstr("v2.5.0 is blocked (root: loses orders)"));
  EXPECT_THAT(host.resolve("v2.5.0@1"), HasSubstr("rollbackctl unblock v2.5.0"));
  host.snapshot("v2.5.0");
  EXPECT_EQ(host.status("v2.5.0"), "deployed blocked");
  host.rollback("v2.5.0", "v2.4.1");
  EXPECT_EQ(host.status("v2.5.0"), "rolled-back blocked");
  host.mark(HistoryAction::kUnblock, "v2.5.0");
  EXPECT_EQ(host.status("v2.5.0"), "available");
  EXPECT_EQ(host.known()[1].blocked_why, "");
}

TEST(RevisionStatus, BlockedReleaseHasNoOlderRevisionInItsPlace) {
  auto host = Host().snapshot("v2.4.1").snapshot("v2.4.1@2").snapshot("v2.5.0");
  host.mark(HistoryAction::kBlock, "v2.4.1@2");
  EXPECT_THAT(host.resolve("v2.4.1"), HasSubstr("v2.4.1@2 is blocked"));
  EXPECT_EQ(host.resolve("v2.4.1@1"), "v2.4.1");
  host.mark(HistoryAction::kBlock, "v2.4.1");
  EXPECT_THAT(host.resolve("v2.4.1@1"), HasSubstr("v2.4.1 is blocked"));
}

TEST(RevisionStatus, UnblockMakesWhatARollbackLeftATargetAgain) {
  auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0").rollback("v2.5.0", "v2.4.1");
  EXPECT_EQ(host.mark(HistoryAction::kUnblock, "v2.5.0").resolve("v2.5.0"), "v2.5.0");
  auto replaced = Host().snapshot("v2.4.1").snapshot("v2.5.0").rollback("v2.5.0", "v2.4.1");
  replaced.snapshot("v2.5.0@2").mark(HistoryAction::kUnblock, "v2.5.0");
  EXPECT_EQ(replaced.status("v2.5.0"), "superseded");
}

TEST(RevisionStatus, MarksOfWhatIsGoneChangeNothing) {
  auto host = Host().snapshot("v2.4.1").mark(HistoryAction::kBlock, "v2.3.0");
  host.mark(HistoryAction::kPin, "v2.3.0").mark(HistoryAction::kPrune, "v2.3.0");
  EXPECT_EQ(host.status("v2.4.1"), "deployed");
}

TEST(ResolveTarget, NamesTheReleasesThereAre) {
  const auto host = Host().snapshot("v2.4.1").snapshot("v2.5.0").record(std::string(kRun));
  const auto error = host.resolve("v9.9.9");
  EXPECT_THAT(error, HasSubstr("not-found"));
  EXPECT_THAT(error, HasSubstr("v2.5.0 (deployed), v2.4.1 (available)"));
  EXPECT_THAT(error, Not(HasSubstr("run:")));
  EXPECT_THAT(Host().resolve("v2.4.1"), HasSubstr("no release was recorded"));
}

TEST(PreviousTarget, IsTheNewestGoodReleaseThatIsNotDeployed) {
  EXPECT_EQ(Host().previous(), "not-found");
  EXPECT_EQ(Host().snapshot("v2.4.1").previous(), "not-found");
  auto host = Host().snapshot("v2.3.0").snapshot("v2.4.1").snapshot("v2.5.0", false);
  EXPECT_EQ(host.previous(), "v2.4.1");
  host.snapshot("v2.6.0");
  EXPECT_EQ(host.previous(), "v2.4.1");
  host.rollback("v2.6.0", "v2.4.1");
  EXPECT_EQ(host.previous(), "v2.3.0");
}

}  // namespace
}  // namespace rollback
