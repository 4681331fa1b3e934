// SPDX-License-Identifier: Apache-2.0
#include "core/config/yaml.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace rollback {
namespace {

using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

YamlNode parsed(const std::string& text) {
  auto node = YamlNode::parse(text, "agent.yaml");
  EXPECT_TRUE(node) << (node ? "" : node.error().message);
  return node ? *node : *YamlNode::parse("", "agent.yaml");
}

std::string refusal(const std::string& text) {
  const auto node = YamlNode::parse(text, "agent.yaml");
  EXPECT_FALSE(node) << text;
  if (node) return "accepted";
  EXPECT_EQ(node.error().code, ErrorCode::kInvalid);
  return node.error().message;
}

template <typename T>
std::string message_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  if (result) return "no error";
  EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
  return result.error().message;
}

TEST(Yaml, ReadsTypedValues) {
  const auto root = parsed(
      "name: web-1\nport: 7400\nsecure: true\nwait: 5m\n"
      "roots: [/etc/nginx, /opt/app]\nprobes:\n  - name: a\n  - name: b\n");
  EXPECT_EQ(*root.at("name")->as_string(), "web-1");
  EXPECT_EQ(*root.at("port")->as_int(1, 65535), 7400);
  EXPECT_EQ(*root.at("port")->as_string(), "7400");
  EXPECT_TRUE(*root.at("secure")->as_bool());
  EXPECT_EQ(*root.at("wait")->as_duration(), minutes(5));
  EXPECT_THAT(*root.at("roots")->as_strings(), ElementsAre("/etc/nginx", "/opt/app"));
  const auto probes = root.at("probes")->items();
  ASSERT_EQ(probes->size(), 2U);
  EXPECT_EQ(*probes->at(1).at("name")->as_string(), "b");
  EXPECT_EQ(probes->at(1).where(), "agent.yaml:8");
}

TEST(Yaml, KeepsTheOrderOfEntries) {
  const auto root = parsed("z: 1\na: 2\nm: 3\n");
  std::vector<std::string> keys;
  const auto entries = *root.entries();
  for (const auto& [key, value] : entries) keys.push_back(key + *value.as_string());
  EXPECT_THAT(keys, ElementsAre("z1", "a2", "m3"));
}

TEST(Yaml, AnEmptyDocumentIsAnEmptyMap) {
  for (const std::string text : {"", "\n", "# only a comment\n", "---\n", "~\n"}) {
    EXPECT_TRUE(parsed(text).entries()->empty()) << text;
    EXPECT_TRUE(parsed(text).expect_keys({"a"}));
  }
}

TEST(Yaml, KeepsTheEndOfABlock) {
  EXPECT_EQ(*parsed("a: |\n  one\n  two\n").at("a")->as_string(), "one\ntwo\n");
  EXPECT_EQ(*parsed("a: \xe2\x82\xac\xf0\x9f\x98\x80").at("a")->as_string(),
            "\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(Yaml, NodesOutliveTheirParent) {
  const auto child = [] { return *parsed("a:\n  b: 1\n").at("a"); }();
  EXPECT_EQ(*child.at("b")->as_string(), "1");
}

TEST(Yaml, RefusesWhatHidesAMeaning) {
  EXPECT_EQ(refusal("a: 1\nb: 2\na: 3\n"), "agent.yaml:3: the key 'a' is already in line 1");
  EXPECT_EQ(refusal("x:\n  a: 1\n  \"a\": 2\n"), "agent.yaml:3: the key 'a' is already in line 2");
  EXPECT_THAT(refusal("a: &one 1\nb: 2\n"), StartsWith("agent.yaml:1: anchors"));
  EXPECT_THAT(refusal("a: 1\nb: &m\n  c: 1\n"), StartsWith("agent.yaml:2: anchors"));
  EXPECT_THAT(refusal("a: 1\nb: &l [1]\n"), StartsWith("agent.yaml:2: anchors"));
  EXPECT_THAT(refusal("a: 1\nb: &n\n"), StartsWith("agent.yaml:2: anchors"));
  EXPECT_THAT(refusal("a: 1\nb: *one\n"), StartsWith("agent.yaml:2: "));
  EXPECT_THAT(refusal("a: 1\nb: !!str 2\n"), StartsWith("agent.yaml:2: tags"));
  EXPECT_THAT(refusal("a: 1\nb: !run {c: d}\n"), StartsWith("agent.yaml:2: tags"));
  EXPECT_THAT(refusal("a: 1\n---\nb: 2\n"), StartsWith("agent.yaml:2: a second document"));
  EXPECT_THAT(refusal("a: 1\n? [b, c]\n: 2\n"), StartsWith("agent.yaml:2: a key"));
  EXPECT_THAT(refusal("a: 1\n~: 2\n"), StartsWith("agent.yaml:2: a key"));
}

TEST(Yaml, RefusesWhatIsNoYaml) {
  EXPECT_THAT(refusal("a: 1\nb: [1, 2\n"), StartsWith("agent.yaml:"));
  EXPECT_THAT(refusal("a: 1\n\tb: 2\n"), StartsWith("agent.yaml:2: "));
  EXPECT_THAT(refusal("a: 1\nb: \"open\n"), StartsWith("agent.yaml:2: "));
  EXPECT_THAT(refusal("a: 1\nb: 'open\nc: 2\n\n"), StartsWith("agent.yaml:3: "));
  EXPECT_THAT(refusal("a: 1\nb: \xff\n"), StartsWith("agent.yaml:2: a byte that is not UTF-8"));
  for (const std::string bytes :
       {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    EXPECT_THAT(refusal("a: " + bytes), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal(std::string("a: 1\nb: \0\n", 10)), StartsWith("agent.yaml:2: a NUL"));
}

TEST(Yaml, BoundsItsInput) {
  const std::string fits = "a: " + std::string((1 << 20) - 3, 'x');
  EXPECT_EQ(parsed(fits).at("a")->as_string()->size(), fits.size() - 3);
  EXPECT_EQ(refusal(fits + "x"), "agent.yaml:1: the file is larger than 1 MiB");
  EXPECT_THAT(refusal(std::string(100'000, '[')), StartsWith("agent.yaml:1: "));
  EXPECT_THAT(refusal(std::string(100'000, '{')), StartsWith("agent.yaml:1: "));
}

TEST(Yaml, NamesTheNearestValidKey) {
  const auto root = parsed("roots: x\nprobse: y\n");
  EXPECT_EQ(message_of(root.expect_keys({"roots", "probes", "timeout"})),
            "agent.yaml:2: the key 'probse' is not known here; did you mean 'probes'?");
  EXPECT_EQ(message_of(root.expect_keys({"roots", "zzzzzzzz"})),
            "agent.yaml:2: the key 'probse' is not known here; valid keys are roots, zzzzzzzz");
  EXPECT_TRUE(root.expect_keys({"probse", "roots", "other"}));
}

TEST(Yaml, SaysWhatIsMissingOrOfAnotherKind) {
  const auto root = parsed("a:\n  b: 1\nlist: [1]\nnone:\n");
  EXPECT_EQ(message_of(root.at("a")->at("c")), "agent.yaml:2: the key 'c' is missing here");
  EXPECT_FALSE(*root.find("zzz"));
  EXPECT_FALSE(root.has("zzz"));
  EXPECT_TRUE(root.has("none"));
  EXPECT_EQ(message_of(root.at("list")->expect_map()),
            "agent.yaml:3: a map is needed here, but there is a list");
  EXPECT_EQ(message_of(root.at("a")->items()),
            "agent.yaml:2: a list is needed here, but there is a map");
  EXPECT_EQ(message_of(root.at("none")->as_string()),
            "agent.yaml:4: a single value is needed here, but there is nothing");
  EXPECT_THAT(message_of(root.at("list")->find("x")), HasSubstr("a map is needed"));
  EXPECT_THAT(message_of(root.at("list")->at("x")), HasSubstr("a map is needed"));
  EXPECT_THAT(message_of(root.at("list")->entries()), HasSubstr("a map is needed"));
}

TEST(Yaml, ChecksNumbers) {
  const auto read = [](const std::string& text) {
    return parsed("\nn: " + text).at("n")->as_int(-10, 100);
  };
  EXPECT_EQ(*read("-10"), -10);
  EXPECT_EQ(*read("100"), 100);
  EXPECT_EQ(*read("0"), 0);
  EXPECT_EQ(message_of(read("101")), "agent.yaml:2: 101 is not between -10 and 100");
  EXPECT_EQ(message_of(read("-11")), "agent.yaml:2: -11 is not between -10 and 100");
  EXPECT_THAT(message_of(read("99999999999999999999")), HasSubstr("is not between"));
  for (const char* text : {"1.5", "0x10", "ten", "1e3", "5s", "\"\"", "+5", "1_000"})
    EXPECT_THAT(message_of(read(text)), HasSubstr("is not a whole number")) << text;
  for (const char* text : {"0644", "00", "-01"})
    EXPECT_THAT(message_of(read(text)), HasSubstr("begins with 0")) << text;
}

TEST(Yaml, ChecksTruthAndDurations) {
  for (const char* text : {"yes", "on", "True", "1"})
    EXPECT_THAT(message_of(parsed("\nb: " + std::string(text)).at("b")->as_bool()),
                AllOf(StartsWith("agent.yaml:2: "), HasSubstr("neither true nor false")));
  EXPECT_FALSE(*parsed("b: false").at("b")->as_bool());
  EXPECT_THAT(message_of(parsed("\n\nd: 5").at("d")->as_duration()),
              AllOf(StartsWith("agent.yaml:3: "), HasSubstr("is not a duration")));
}

TEST(Yaml, InvalidNamesThePlace) {
  const Status status = parsed("a: 1\nb: 2\n").at("b")->invalid("no such host");
  EXPECT_EQ(message_of(status), "agent.yaml:2: no such host");
}

}  // namespace
}  // namespace rollback
