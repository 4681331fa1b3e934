// SPDX-License-Identifier: Apache-2.0
#include "coordinator/fleet/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rollback {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HostRecord host(const std::string& name,
                std::vector<std::pair<std::string, std::string>> labels = {}) {
  HostRecord record;
  record.name = name;
  record.labels = std::move(labels);
  return record;
}

const std::vector<HostRecord>& fleet() {
  static const std::vector<HostRecord> hosts = {
      host("db1", {{"dc", "fra1"}, {"role", "db"}}),
      host("web1", {{"dc", "fra1"}, {"role", "web"}}),
      host("web2", {{"dc", "ams1"}, {"role", "web"}}),
      host("web3"),
  };
  return hosts;
}

std::vector<std::string> chosen(const std::vector<std::string>& limit,
                                const std::vector<std::string>& exclude = {}) {
  std::vector<std::string> names;
  if (const auto hosts = select_hosts(fleet(), {limit, exclude}))
    for (const auto& each : *hosts) names.push_back(each.name);
  return names;
}

TEST(Selector, TakesEverybodyWithoutLimits) {
  EXPECT_THAT(chosen({}), ElementsAre("db1", "web1", "web2", "web3"));
}
TEST(Selector, TakesNamesAndGlobs) {
  EXPECT_THAT(chosen({"web2"}), ElementsAre("web2"));
  EXPECT_THAT(chosen({"web*"}), ElementsAre("web1", "web2", "web3"));
}
TEST(Selector, TakesLabelsWithGlobs) {
  EXPECT_THAT(chosen({"role=web"}), ElementsAre("web1", "web2"));
  EXPECT_THAT(chosen({"dc=fra*"}), ElementsAre("db1", "web1"));
}
TEST(Selector, ReadsACommaAsAnd) { EXPECT_THAT(chosen({"role=web,dc=fra*"}), ElementsAre("web1")); }
TEST(Selector, ReadsRepeatedLimitsAsOr) {
  EXPECT_THAT(chosen({"db1", "dc=ams1"}), ElementsAre("db1", "web2"));
}
TEST(Selector, NegatesWithABang) {
  EXPECT_THAT(chosen({"!web3"}), ElementsAre("db1", "web1", "web2"));
  EXPECT_THAT(chosen({"web*,!dc=fra1"}), ElementsAre("web2", "web3"));
}
TEST(Selector, LeavesOutTheExcluded) {
  EXPECT_THAT(chosen({"web*"}, {"web1", "dc=ams1"}), ElementsAre("web3"));
}
TEST(Selector, DoesNotTakeANameForALabel) { EXPECT_THAT(chosen({"role=web1"}), ElementsAre()); }

TEST(Selector, RefusesEmptyTerms) {
  for (const char* text : {"", ",", "web1,", "!", "=web", "role=", "a,,b"}) {
    const auto parsed = Selector::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
}

TEST(Selector, RefusesANameThatNobodyHas) {
  for (const auto& selection : std::vector<HostSelection>{{{"web9"}, {}},
                                                          {{"web1", "web9"}, {}},
                                                          {{"!web9"}, {}},
                                                          {{"web*,!web9"}, {}},
                                                          {{"web*"}, {"web9"}}}) {
    const auto refused = select_hosts(fleet(), selection);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(refused.error().message, HasSubstr("'web9'"));
  }
}

TEST(Selector, SaysWhenNobodyIsLeft) {
  const auto none = select_hosts(fleet(), {{"mail*"}, {}});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("mail*"));
  const auto empty = select_hosts({}, {});
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("fleet hosts list"));
}

}  // namespace
}  // namespace rollback
