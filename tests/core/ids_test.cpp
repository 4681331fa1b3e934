// SPDX-License-Identifier: Apache-2.0
#include "core/ids.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/seeded_random.h"

namespace rollback {
namespace {

using ::testing::HasSubstr;

ReleaseLabel label(const std::string& text) {
  auto parsed = ReleaseLabel::parse(text);
  EXPECT_TRUE(parsed) << text << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : *ReleaseLabel::parse("v0.0.0");
}

TEST(ReleaseLabel, IsCanonicalWithALeadingV) {
  EXPECT_EQ(label("2.4.1").str(), "v2.4.1");
  EXPECT_EQ(label("v2.4.1").str(), "v2.4.1");
  EXPECT_EQ(label("2.4.1"), label("v2.4.1"));
}

TEST(ReleaseLabel, AcceptsTheGrammarOfSemver) {
  for (const char* text :
       {"0.0.0", "0.0.4", "10.20.30", "1.1.2-prerelease", "1.0.0-alpha", "1.0.0-alpha.beta.1",
        "1.0.0-alpha0.valid", "1.0.0-rc.1", "1.2.3----RC", "1.0.0-0A.is.legal",
        "99999999999999999999999.999999999999999999.99999", "1.0.0--", "1.0.0-0", "2024.5.20"})
    EXPECT_EQ(label(text).str(), std::string("v") + text);
}

TEST(ReleaseLabel, RefusesWhateverIsNoRelease) {
  for (const std::string text : {"",
                                 "v",
                                 "latest",
                                 "main",
                                 "release-2.4",
                                 "v2",
                                 "v2.4",
                                 "2.4",
                                 "1.2.3.4",
                                 "01.2.3",
                                 "1.02.3",
                                 "1.2.03",
                                 "20240520",
                                 "2024.05.20",
                                 "2024-05-20",
                                 "v2.4.1+build.7",
                                 "v2.4.1-rc.1+7",
                                 "V2.4.1",
                                 "vv2.4.1",
                                 " v2.4.1",
                                 "v2.4.1 ",
                                 "v2.4.1-",
                                 "v2.4.1-rc.",
                                 "v2.4.1-.rc",
                                 "v2.4.1-rc..1",
                                 "v2.4.1-01",
                                 "v2.4.1-r\xc3\xa9",
                                 "v2..1",
                                 "v2.4.",
                                 ".4.1",
                                 "v-1.2.3",
                                 "1.2.3-a_b",
                                 "../../x"}) {
    const auto parsed = ReleaseLabel::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(parsed.error().message, HasSubstr("use MAJOR.MINOR.PATCH such as v2.4.1"));
  }
  EXPECT_FALSE(ReleaseLabel::parse(std::string("1.2.3-") + std::string(200, 'a')));
  EXPECT_FALSE(ReleaseLabel::parse(std::string("1.2.3\0", 6)));
}

TEST(ReleaseLabel, SaysWhyItIsRefused) {
  const auto why = [](const std::string& text) {
    return ReleaseLabel::parse(text).error().message;
  };
  EXPECT_THAT(why("20240520"), HasSubstr("date"));
  EXPECT_THAT(why("2024.05.20"), HasSubstr("begins with 0"));
  EXPECT_THAT(why("latest"), HasSubstr("after every build"));
  EXPECT_THAT(why("v2.4"), HasSubstr("fewer than three"));
  EXPECT_THAT(why("1.2.3.4"), HasSubstr("more than three"));
  EXPECT_THAT(why("1.2.3+4"), HasSubstr("build metadata"));
  EXPECT_THAT(why("main"), HasSubstr("branch"));
  EXPECT_THAT(why(""), HasSubstr("empty"));
  EXPECT_THAT(why("\x1b[31mred"), HasSubstr("'?[31mred'"));
}

// The order of semver 2.0.0, clause 11, and numbers beyond 64 bits.
TEST(ReleaseLabel, ComparesByPrecedence) {
  const std::vector<std::string> ascending = {"0.0.1",
                                              "1.0.0-0",
                                              "1.0.0-2",
                                              "1.0.0-10",
                                              "1.0.0-alpha",
                                              "1.0.0-alpha.1",
                                              "1.0.0-alpha.beta",
                                              "1.0.0-beta",
                                              "1.0.0-beta.2",
                                              "1.0.0-beta.11",
                                              "1.0.0-rc.1",
                                              "1.0.0",
                                              "2.4.1-rc.1",
                                              "2.4.1",
                                              "2.4.2",
                                              "2.10.0",
                                              "10.0.0",
                                              "18446744073709551616.0.0"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j)
      EXPECT_EQ(ReleaseLabel::compare(label(ascending[i]), label(ascending[j])), i <=> j)
          << ascending[i] << " " << ascending[j];
}

TEST(RandomId, RoundTripsThroughTextAndBytes) {
  SeededRandom random(1);
  const auto id = RunId::make(random);
  EXPECT_FALSE(id.is_none());
  EXPECT_EQ(id.str().size(), 12U);
  EXPECT_EQ(*RunId::parse(id.str()), id);
  EXPECT_EQ(*RunId::from_bytes(id.bytes()), id);
  EXPECT_NE(RunId::make(random), id);
}

TEST(RandomId, RefusesOtherText) {
  for (const std::string text :
       {"", "0123456789a", "0123456789abc", "0123456789AB", "../../../..x"}) {
    const auto parsed = RunId::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("is not a run id (12 hex digits)"));
  }
  EXPECT_FALSE(HostId::from_bytes("short"));
}

}  // namespace
}  // namespace rollback
