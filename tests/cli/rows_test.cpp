// SPDX-License-Identifier: Apache-2.0
// Each kind of answer as an operator reads it.
#include "cli/output/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/session_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string line(const Reply& reply) {
  const SessionFixture fixture;
  const auto printed = line_of(fixture.session, reply);
  return printed ? printed->text : "(no line)";
}

std::string table(const Reply& reply) {
  const SessionFixture fixture;
  EXPECT_FALSE(line_of(fixture.session, reply));
  const Row row = row_of(fixture.session, reply);
  EXPECT_EQ(row.head.size(), row.cells.size());
  Table shown(row.head);
  shown.add(row.cells);
  return shown.str(fixture.session.terminal);
}

std::string cell_of(const Row& row, const std::string& head) {
  const auto at = std::find(row.head.begin(), row.head.end(), head) - row.head.begin();
  return row.cells.at(static_cast<std::size_t>(at)).text;
}

constexpr WallTime kNoon{1'795'348'800'000'000'000};  // 2026-11-22T12:00:00Z

TEST(Lines, OfTalkGoToStderrWithTheHost) {
  const SessionFixture fixture;
  const auto printed =
      line_of(fixture.session, reply_of(Line{EventLevel::kWarning, "low\nspace"}, "web1"));
  ASSERT_TRUE(printed);
  EXPECT_TRUE(printed->talk);
  EXPECT_EQ(printed->text, "web1: low\\x0aspace\n");
}

TEST(Lines, OfEventsBeginWithThePhase) {
  EventItem item;
  item.event.phase = RunPhase::kCommitting;
  item.event.text = "3 files";
  EXPECT_EQ(line(reply_of(item)), "committing  3 files\n");
}

TEST(Lines, OfARunSayHowItEndedAndWhy) {
  RunRecord run;
  run.id = *RunId::parse("0000000000aa");
  run.from = "v2.5.0";
  run.to = "v2.4.1";
  run.outcome = RunOutcome::kRestored;
  run.started = kNoon;
  run.finished = kNoon + std::chrono::milliseconds(1320);
  run.findings = {"GET /healthz answered 500"};
  EXPECT_EQ(line(reply_of(run)), "run 0000000000aa (rollback from v2.5.0 to v2.4.1): " +
                                     std::string(to_string(RunOutcome::kRestored)) +
                                     " in 1.32 s\n  GET /healthz answered 500\n");
  run.outcome = RunOutcome::kSucceeded;
  EXPECT_THAT(line(reply_of(run)), HasSubstr("there was nothing to do"));
}

TEST(Lines, OfAPlanNameBothEndsAndWarnings) {
  PlanItem item;
  item.digest = sha256("plan");
  item.plan.to = "v2.4.1";
  item.plan.warnings = {"nginx is older"};
  item.estimate = std::chrono::seconds(2);
  EXPECT_THAT(line(reply_of(item)),
              HasSubstr("(unrecorded) -> v2.4.1\n  about 2 s of the 5 min budget\n"));
  EXPECT_THAT(line(reply_of(item)), HasSubstr("  warning: nginx is older\n"));
}

TEST(Lines, OfAPlanRoundTheEstimateAndTellTheDowntime) {
  SessionFixture fixture;
  fixture.session.budget = std::chrono::seconds(90);
  PlanItem item;
  item.estimate = std::chrono::milliseconds(62'300);
  item.downtime = std::chrono::milliseconds(451);
  EXPECT_THAT(line_of(fixture.session, reply_of(item))->text,
              HasSubstr("\n  about 1 min 2 s of the 1 min 30 s budget; what restarts is down for "
                        "about 460 ms\n"));
}

TEST(Lines, OfADiffKeepItsLinesAndEscapeTheRest) {
  DiffItem item;
  item.path = "/etc/shop/x";
  item.change = "changed";
  item.differences = {"content", "mode"};
  item.text = "-a\tb\n+\x1b[2J";
  EXPECT_EQ(line(reply_of(item)), "changed /etc/shop/x (content, mode)\n-a\tb\n+\\x1b[2J\n");
}

TEST(Lines, OfAPausedRolloutNameTheThreeWaysOn) {
  RolloutRecord rollout;
  rollout.id = *RunId::parse("0000000000aa");
  rollout.to = "v2.4.1";
  rollout.state = RolloutState::kPaused;
  const auto text = line(reply_of(rollout));
  EXPECT_THAT(text, HasSubstr("rollout 0000000000aa to v2.4.1: paused\n"));
  for (const char* verb : {"resume", "undo", "abort"})
    EXPECT_THAT(text, HasSubstr(std::string("rollbackctl fleet run ") + verb + " 0000000000aa"));
  rollout.state = RolloutState::kDone;
  EXPECT_THAT(line(reply_of(rollout)), Not(HasSubstr("resume")));
}

TEST(Rows, OfAPlanKeepWhatChangesAndWhyAt80Columns) {
  const PlanStep step{StepPhase::kActivate,
                      StepAction::kReloadUnit,
                      "nginx.service",
                      "nginx/nginx",
                      "its configuration /etc/nginx/sites-available/shop-internal.conf changes",
                      "reload it again"};
  const std::string shown = table(reply_of(step));
  EXPECT_EQ(shown,
            "STEP    WHAT           WHY\n"
            "reload  nginx.service  its configuration\n"
            "                       /etc/nginx/sites-available/shop-internal.conf changes\n");
  SessionFixture fixture;
  fixture.session.terminal.out = false;
  EXPECT_EQ(cell_of(row_of(fixture.session, reply_of(step)), "REVERSE"), "reload it again");
}

TEST(Rows, OfRevisions) {
  const Revision revision{*RevisionName::parse("v2.4.1@2"), {}, {}, kNoon, true, "3f2a90c1"};
  RevisionItem item{{revision, ReleaseStatus::kAvailable, true}, false};
  EXPECT_THAT(table(reply_of(item)), HasSubstr("v2.4.1@2"));
  EXPECT_THAT(table(reply_of(item)),
              HasSubstr("available  2026-11-22T12:00:00Z  000000000000  3f2a90c1  blocked\n"));
  item.status.pinned = true;
  EXPECT_THAT(table(reply_of(item)), HasSubstr("  blocked, pinned\n"));
  item.status.blocked = false;
  EXPECT_THAT(table(reply_of(item)), HasSubstr("  pinned\n"));
  item.status.pinned = false;
  EXPECT_THAT(table(reply_of(item)), Not(HasSubstr("MARKS")));
}

TEST(Rows, OfRevisionsKeepStatusTimeAndMarksIn80Columns) {
  const Revision revision{
      *RevisionName::parse("v2.4.1@2"), {}, {}, kNoon, true, std::string(40, 'f')};
  RevisionItem item{{revision, ReleaseStatus::kSuperseded, true}, false};
  item.status.pinned = true;
  EXPECT_THAT(table(reply_of(item)),
              HasSubstr("v2.4.1@2  superseded  2026-11-22T12:00:00Z  00000000…  fffffff…  "
                        "blocked, pinned\n"));
}

TEST(Rows, OfHistoryEntries) {
  HistoryEntry entry;
  entry.seq = 7;
  entry.time = kNoon;
  entry.to = "v2.4.1";
  entry.actor = "root (uid 0)";
  entry.reason = "checkout is down";
  const auto text = table(reply_of(entry, "web1"));
  EXPECT_THAT(text, HasSubstr("HOST  SEQ"));
  EXPECT_THAT(text, HasSubstr("web1  7"));
}

TEST(Rows, OfHistorySayWhenWhoAndWhyIn80Columns) {
  const SessionFixture fixture;
  HistoryEntry entry;
  entry.seq = 12;
  entry.time = kNoon;
  entry.action = HistoryAction::kRollback;
  entry.from = "v2.5.0";
  entry.to = "v2.4.1";
  entry.actor = "coordinator: root (uid 0)";
  entry.reason = "v2.5.0 answers 502 since the deploy at noon";
  const Row row = row_of(fixture.session, reply_of(entry));
  Table table(row.head);
  table.add(row.cells);
  const auto text = table.str(fixture.session.terminal);
  EXPECT_THAT(text, HasSubstr("12   2026-11-22T12:00:00Z  rollback  v2.5.0 -> v2.4.1  coordin…  "
                              "v2.5.0 answers\n"));
  EXPECT_THAT(text, EndsWith(" deploy at noon\n"));
  EXPECT_THAT(text, Not(HasSubstr("OUTCOME")));
  entry.outcome = RunOutcome::kRestored;
  EXPECT_THAT(cell_of(row_of(fixture.session, reply_of(entry)), "OUTCOME"), "restored");
  entry.action = HistoryAction::kSnapshot;
  EXPECT_THAT(cell_of(row_of(fixture.session, reply_of(entry)), "RELEASE"), "v2.4.1");
}

TEST(Rows, OfHostsShowTheWholeFingerprint) {
  HostItem item;
  item.name = "web1";
  item.fingerprint = std::string(16, 'f');
  item.admission = Admission::kPending;
  EXPECT_THAT(table(reply_of(item)), HasSubstr("web1  pending"));
  EXPECT_THAT(table(reply_of(item)), HasSubstr(std::string(16, 'f')));
  item.admission = Admission::kAccepted;
  EXPECT_THAT(table(reply_of(item)), HasSubstr("web1  offline"));
}

TEST(Rows, OfRolloutHosts) {
  RolloutHost host;
  host.name = "web\x1b";
  host.wave = 2;
  host.phase = HostPhase::kRestored;
  host.findings = {"gate was red", "shop.service: exit 1"};
  host.times = {{RunPhase::kCommitting, std::chrono::milliseconds(3)}};
  EXPECT_EQ(table(reply_of(host)),
            "HOST     WAVE  STATE     WHY\n"
            "web\\x1b  2     restored  gate was red; shop.service: exit 1\n");
  const auto further = further_rows_of(reply_of(host));
  ASSERT_EQ(further.size(), 1U);
  Table table(further[0].head);
  table.add(further[0].cells);
  EXPECT_EQ(table.str(Terminal{}), "HOST     COMMIT\nweb\\x1b  3 ms\n");
  host.times.clear();
  EXPECT_TRUE(further_rows_of(reply_of(host)).empty());
}

TEST(Rows, OfHealthNameTheRedProbes) {
  HealthItem item;
  item.verdict = Verdict::kUnhealthy;
  ProbeResult probe;
  probe.name = "http";
  probe.answer = "500";
  item.probes = {probe};
  EXPECT_EQ(table(reply_of(item, "web1")), "HOST  HEALTH     WHY\nweb1  unhealthy  http: 500\n");
}

TEST(Rows, OfStatusSayWhatRuns) {
  StatusItem item;
  item.host = "web1";
  item.store = "ok";
  item.link = "connected";
  item.run = "0000000000aa";
  item.run_phase = RunPhase::kStaged;
  EXPECT_EQ(table(reply_of(item)),
            "HOST  RELEASE  HEALTH   RUN                    STORE  COORDINATOR\n"
            "web1  -        unknown  0000000000aa (" +
                std::string(to_string(RunPhase::kStaged)) + ")  ok     connected\n");
}

TEST(Rows, OfAResourceAreFollowedByItsUnitsAndFacts) {
  const SessionFixture fixture;
  ResourceItem item;
  item.resource.kind = ResourceKind::kSystemd;
  item.resource.name = "shop";
  item.resource.units = {{"shop.service", true, "enabled", "/lib/systemd/system/s.service", {}}};
  item.resource.facts = {{"version", "252"}};
  std::string text;
  for (const auto& row : further_rows_of(reply_of(item))) {
    Table table(row.head);
    table.add(row.cells);
    text += table.str(fixture.session.terminal);
  }
  EXPECT_EQ(text,
            "UNIT          STATE   ENABLED  RESOURCE      FRAGMENT\n"
            "shop.service  active  enabled  systemd/shop  /lib/systemd/system/s.service\n"
            "FACT     RESOURCE      VALUE\n"
            "version  systemd/shop  252\n");
}

TEST(Rows, OfStatsAreFollowedByWhatTheStoreTakes) {
  EXPECT_EQ(table(reply_of(ReleaseStats{"v2.4.1", 12'345, 3U << 20U, 1U << 20U, 512, "pinned"})),
            "RELEASE  FILES   SIZE     STORED   UNIQUE  STAYS\n"
            "v2.4.1   12,345  3.0 MiB  1.0 MiB  512 B   pinned\n");
  StoreStats all;
  all.revisions = 2;
  all.logical = 6U << 20U;
  all.distinct = 4U << 20U;
  all.stored = 1U << 20U;
  all.disk = 2U << 20U;
  all.contents = 1'200;
  all.trees = 1;
  EXPECT_EQ(line(reply_of(all)),
            "\n2 revisions          6.0 MiB  in files\n"
            "each content once    4.0 MiB  1.5 times less\n"
            "compressed           1.0 MiB  4.0 times less\n"
            "on disk              2.0 MiB  1,200 contents, 1 directory\n");
}

TEST(Rows, OfPreparedHosts) {
  Prepared item;
  item.changed = false;
  EXPECT_THAT(table(reply_of(item, "web1")), HasSubstr("web1  nothing to do"));
}

TEST(Rows, OfStepsAndResourcesNameTheHostOfAFleet) {
  PlanStep step;
  step.subject = "/etc/shop/x";
  EXPECT_THAT(table(reply_of(step, "web1")), HasSubstr("web1"));
  EXPECT_THAT(table(reply_of(ResourceItem{}, "web1")), HasSubstr("web1"));
  EXPECT_THAT(table(reply_of(step)), Not(HasSubstr("HOST")));
}

}  // namespace
}  // namespace rollback::testing
