// SPDX-License-Identifier: Apache-2.0
// Facts of the host: recorded with a release, compared before a run goes back to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/exit_code.h"
#include "tests/agent/apply/engine_fixture.h"

namespace rollback {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

MATCHER_P(Says, matcher, "") {
  return ::testing::ExplainMatchResult(matcher, arg.text, result_listener);
}

// v3.0.0 was recorded with the schema 41; v4.0.0, which is live, with 42.
class FactsTest : public RollbackTest {
 protected:
  FactsTest() {
    options_.facts = {{"schema", {"/bin/schema"}}};
    programs_.prints["/bin/schema"] = "41";
    host_.write("etc/app/app.conf", "three");
    snapshot("v3.0.0");
    programs_.prints["/bin/schema"] = "42";
    host_.write("etc/app/app.conf", "four");
    snapshot("v4.0.0");
    restart_agent();
  }
  Result<RunRecord> roll_back_accepting(const std::string& to, const std::string& fact) {
    auto asked = order(to);
    asked.accept_facts = {fact};
    ROLLBACK_ASSIGN(const auto prepared, engine_->prepare(asked, watcher_));
    return engine_->commit(asked.run, prepared.plan_digest, watcher_);
  }
};

TEST_F(FactsTest, ThatDifferAreRefused) {
  const auto error = refused("v3.0.0");
  EXPECT_EQ(exit_code_of(error), ExitCode::kRefused);
  EXPECT_EQ(error.message,
            "the fact schema is 42 now and was 41 with v3.0.0: data may not fit; --accept-fact "
            "schema goes on");
}

TEST_F(FactsTest, ThatAreTheSameAgainAreNoObstacle) {
  programs_.prints["/bin/schema"] = "41";
  const auto record = roll_back("v3.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(host_.read("etc/app/app.conf"), "three");
}

TEST_F(FactsTest, ThatAreAcceptedAreSaid) {
  const auto record = roll_back_accepting("v3.0.0", "schema");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(host_.read("etc/app/app.conf"), "three");
  EXPECT_THAT(watcher_.events, Contains(Says(HasSubstr("data may not fit (accepted)"))));
}

TEST_F(FactsTest, ThatThereAreNotCannotBeAccepted) {
  const auto record = roll_back_accepting("v3.0.0", "shema");
  ASSERT_FALSE(record);
  EXPECT_THAT(record.error().message, HasSubstr("agent.yaml has no fact 'shema'"));
}

TEST_F(FactsTest, ThatCannotBeReadAreRefusedWithTheReason) {
  programs_.prints.clear();
  EXPECT_THAT(refused("v3.0.0").message,
              AllOf(HasSubstr("the fact schema, which was 41 with v3.0.0, cannot be read now: no "
                              "program /bin/schema"),
                    HasSubstr("--accept-fact schema goes on")));
}

TEST_F(FactsTest, ThatAReleaseWasRecordedWithoutAreSaid) {
  const auto record = roll_back("v1.0.0");
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_THAT(watcher_.events,
              Contains(Says(HasSubstr("v1.0.0 was recorded without the fact schema"))));
}

// The way back is guarded as the way there was.
TEST_F(FactsTest, OfTheOriginGuardItsUndo) {
  const auto record = roll_back_accepting("v3.0.0", "schema");
  ASSERT_TRUE(record) << record.error().message;
  programs_.prints["/bin/schema"] = "43";
  auto asked = order("run:" + record->id.str());
  asked.kind = RunKind::kUndo;
  const auto prepared = engine_->prepare(asked, watcher_);
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().message, HasSubstr("is 43 now and was 42 with run:"));
}

TEST_F(FactsTest, TheSameContentWithAnotherFactIsAnotherRevision) {
  programs_.prints["/bin/schema"] = "43";
  snapshot("v4.0.0");
  const auto revisions = snapshots_->revisions();
  ASSERT_TRUE(revisions);
  EXPECT_EQ(revisions->back().name.str(), "v4.0.0@2");
  EXPECT_EQ(snapshots_->load_snapshot(revisions->back().snapshot)->facts,
            (std::vector<Fact>{{"schema", "43"}}));
  snapshot("v4.0.0");
  EXPECT_EQ(snapshots_->revisions()->size(), revisions->size());
}

TEST_F(FactsTest, AreTheFirstLineAndShort) {
  programs_.prints["/bin/schema"] = "\n  41\t(\x1b[2J)  \nmore";
  EXPECT_EQ(*read_fact(options_.facts[0], programs_), "41 (\\x1b[2J)");
  programs_.prints["/bin/schema"] = std::string(1000, 'x');
  EXPECT_EQ(read_fact(options_.facts[0], programs_)->size(), 256U);
  programs_.prints["/bin/schema"] = " \n";
  EXPECT_EQ(read_fact(options_.facts[0], programs_).error().message, "/bin/schema printed nothing");
}

}  // namespace
}  // namespace rollback
