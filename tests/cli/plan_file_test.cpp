// SPDX-License-Identifier: Apache-2.0
// What `plan -o json` prints is what `rollback --plan` reads; nothing else is taken for it.
#include "cli/plan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/output/structured.h"
#include "protocol/json.h"
#include "protocol/records.h"
#include "tests/cli/session_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

Plan sample() {
  Plan plan;
  plan.from = "v2.5.0";
  plan.to = "v2.4.1";
  plan.from_root = sha256("from");
  plan.to_root = sha256("to");
  plan.warnings = {"nginx is older"};
  plan.steps = {{StepPhase::kQuiesce, StepAction::kStopUnit, "shop.service", "files/shop-etc",
                 "files/shop-etc changes (restart_on)", "start it again"},
                {StepPhase::kCommit, StepAction::kReplace, "/etc/shop/shop.conf", "files/shop-etc",
                 "content differs", "exchange it back from the stage"}};
  return plan;
}

// As the program prints it.
std::string printed(const Plan& plan, std::vector<ReplyBody> more = {}) {
  Plan head = plan;
  head.steps.clear();
  std::vector<std::string> items = {to_json(reply_of(
      PlanItem{head, plan_digest(plan), std::chrono::seconds(4), {}, DriftPolicy::kKeep}))};
  for (const auto& step : plan.steps) items.push_back(to_json(reply_of(step)));
  for (const auto& body : more) items.push_back(to_json(reply_of(body)));
  items.push_back(to_json(reply_of(End{ExitCode::kDone, true, std::nullopt})));
  return json_document(items);
}

std::string refused(const std::string& json) {
  const auto file = parse_plan_file(json, "plan.json");
  EXPECT_FALSE(file);
  return file ? "" : file.error().message;
}

std::string refused_after(const std::function<void(Json&)>& change) {
  auto json = Json::parse(printed(sample()));
  change(json);
  return refused(json.dump());
}

std::string description() {
  std::ifstream file(ROLLBACK_DOCS "/formats/plan.md");
  std::ostringstream page;
  page << file.rdbuf();
  return page.str();
}

TEST(PlanFile, IsDescribedWithEveryWordOfAStep) {
  const auto text = description();
  const auto has = [](std::string_view word) { return HasSubstr("`" + std::string(word) + "`"); };
  int words = 0;
  for (int number = 1; to_string(StepAction(number)) != "unknown"; ++number, ++words)
    EXPECT_THAT(text, has(to_string(StepAction(number))));
  for (int number = 1; to_string(StepPhase(number)) != "unknown"; ++number, ++words)
    EXPECT_THAT(text, has(to_string(StepPhase(number))));
  EXPECT_GE(words, 18);
}

TEST(PlanFile, IsPrintedAsInItsDescription) {
  const std::string text = description();
  const auto begin = text.rfind("```json\n");
  ASSERT_NE(begin, std::string::npos);
  const std::string example = text.substr(begin + 8, text.rfind("```") - begin - 8);
  EXPECT_EQ(Json::parse(example), Json::parse(printed(sample())));
  const auto plan = parse_plan_file(example, "plan.md");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->plan, sample());
}

TEST(PlanFile, IsReadBackAsItWasPrinted) {
  const auto file = parse_plan_file(printed(sample()), "plan.json");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->plan, sample());
  EXPECT_EQ(file->digest, plan_digest(sample()));
  EXPECT_EQ(file->drift, DriftPolicy::kKeep);
}

TEST(PlanFile, MayHoldTheTextOfEveryChange) {
  DiffItem diff;
  diff.path = "/etc/shop/shop.conf";
  const auto file =
      parse_plan_file(printed(sample(), {diff, Line{EventLevel::kInfo, "x"}}), "plan.json");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->plan, sample());
}

TEST(PlanFile, NamesThatAreNotUtf8ComeBack) {
  for (const char* name : {"/etc/shop/\xff\xc3", "/etc/shop/\\xff", "/etc/shop/\xc3\xa9\\x1b"}) {
    Plan plan = sample();
    plan.steps[1].subject = name;
    const auto file = parse_plan_file(printed(plan), "plan.json");
    ASSERT_TRUE(file) << name << file.error().message;
    EXPECT_EQ(file->plan, plan);
  }
}

TEST(PlanFile, ThatWasEditedIsRefused) {
  const auto said = HasSubstr("was changed after it was written");
  EXPECT_THAT(refused_after([](Json& it) { it["items"][0]["to"] = "v2.4.0"; }), said);
  EXPECT_THAT(refused_after([](Json& it) { it["items"][0]["digest"] = sha256("x").hex(); }), said);
  EXPECT_THAT(refused_after([](Json& it) { it["items"][0]["warnings"] = Json::array(); }), said);
  EXPECT_THAT(refused_after([](Json& it) { it["items"][2]["subject"] = "/etc/shop/other"; }), said);
  EXPECT_THAT(refused_after([](Json& it) { it["items"][2]["action"] = "remove"; }), said);
  EXPECT_THAT(refused_after([](Json& it) { it["items"].erase(1); }), said);
  EXPECT_THAT(refused_after([](Json& it) { std::swap(it["items"][1], it["items"][2]); }), said);
}

TEST(PlanFile, WithoutAFieldOrWithAnotherSchemaIsRefusedByItsPlace) {
  const auto head = StartsWith("plan.json is no plan: ");
  for (const char* key : {"from", "to", "from_root", "to_root", "warnings", "digest", "drift"})
    EXPECT_THAT(refused_after([&](Json& it) { it["items"][0].erase(key); }),
                AllOf(head, HasSubstr("item 1"), HasSubstr(key)));
  for (const char* key : {"phase", "action", "subject", "resource", "why", "reverse"})
    EXPECT_THAT(refused_after([&](Json& it) { it["items"][2].erase(key); }),
                AllOf(head, HasSubstr("item 3"), HasSubstr(key)));
  EXPECT_THAT(refused_after([](Json& it) { it["schema"] = "rollbackctl/v2/answer"; }),
              HasSubstr("its schema is 'rollbackctl/v2/answer', not 'rollbackctl/v1/answer'"));
  EXPECT_THAT(refused_after([](Json& it) { it["items"][1]["schema"] = "rollbackctl/v1/host"; }),
              HasSubstr("item 2 has the schema 'rollbackctl/v1/host'"));
  EXPECT_THAT(refused_after([](Json& it) { it["items"][1]["action"] = "reboot"; }),
              HasSubstr("'action' of item 2 is 'reboot', which this version does not know"));
  EXPECT_THAT(refused_after([](Json& it) { it["items"].erase(0); }), HasSubstr("no plan is in it"));
  EXPECT_THAT(refused_after([](Json& it) { it["items"].erase(3); }), HasSubstr("end is missing"));
  EXPECT_THAT(refused_after([](Json& it) { it["items"][3]["exit_code"] = 2; }),
              HasSubstr("it ended with an error"));
  EXPECT_THAT(refused_after([](Json& it) { it["items"].push_back(it["items"][0]); }),
              HasSubstr("something follows its end"));
  EXPECT_THAT(
      refused_after([](Json& it) { it["items"].insert(it["items"].begin(), it["items"][0]); }),
      HasSubstr("more than one"));
  EXPECT_THAT(refused_after([](Json& it) { it["items"][0]["host"] = "web1"; }),
              HasSubstr("of a fleet"));
}

TEST(PlanFile, IsNothingElse) {
  for (const char* text : {"", "[]", "{", "null", "{\"schema\":1}", "plan 0123: v2 -> v1\n",
                           "{\"schema\":\"rollbackctl/v1/answer\"}",
                           "{\"schema\":\"rollbackctl/v1/answer\",\"items\":[1]}"})
    EXPECT_THAT(refused(text), StartsWith("plan.json is no plan: ")) << text;
  EXPECT_THAT(refused(std::string(kMostPlanBytes + 1, ' ')), HasSubstr("more than 64 MiB"));
}

TEST(PlanFile, ComesFromAFileOrFromStandardInput) {
  std::istringstream input(printed(sample()));
  const auto file = load_plan_file("-", input);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->plan, sample());
  EXPECT_EQ(load_plan_file("/nonexistent/plan.json", input).error().message,
            "/nonexistent/plan.json could not be read: No such file or directory");
}

}  // namespace
}  // namespace rollback::testing
