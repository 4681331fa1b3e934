// SPDX-License-Identifier: Apache-2.0
#include "protocol/json.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/protocol/golden.h"
#include "tests/protocol/samples.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

TEST(Json, EveryKindOfReplyIsFixed) {
  std::string lines;
  for (const auto& body : samples::reply_bodies()) lines += to_json(samples::reply(body)) + "\n";
  expect_golden_text("replies.jsonl", lines);
}

TEST(Json, NamesItsSchemaAndHost) {
  auto reply = samples::reply(Line{});
  EXPECT_THAT(to_json(reply), HasSubstr(R"("schema":"rollbackctl/v1/line","host":"web1")"));
  reply.host = "";
  EXPECT_EQ(to_json(reply).find("host"), std::string::npos);
}

TEST(Json, BytesThatAreNotUtf8AndControlCharactersAreEscaped) {
  const auto json = to_json(samples::reply(
      Line{EventLevel::kInfo, "a\xff\xc3\xa9\xc0\xaf\xed\xa0\x80\x1b[2J\x7f\xc2\x9b"}));
  EXPECT_THAT(json, HasSubstr(R"("a\\xff\u00e9\\xc0\\xaf\\xed\\xa0\\x80\u001b[2J\u007f\u009b")"));
  EXPECT_TRUE(std::all_of(json.begin(), json.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

TEST(Json, TimesAreUtcDurationsSecondsAndNothingIsNull) {
  const auto json = to_json(samples::reply(samples::run()));
  EXPECT_THAT(json, HasSubstr(R"("started":"2025-06-15T15:06:40Z")"));
  EXPECT_THAT(json, HasSubstr(R"({"phase":"preflight","took_s":0.12})"));
  EXPECT_THAT(to_json(samples::reply(RunRecord{})), HasSubstr(R"("finished":null)"));
}

}  // namespace
}  // namespace rollback
