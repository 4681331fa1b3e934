// SPDX-License-Identifier: Apache-2.0
#include "cli/output/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/output/structured.h"
#include "tests/cli/session_fixture.h"

namespace rollback::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Printable, LeavesTextAlone) { EXPECT_EQ(printable("Größe 5 €, ok"), "Größe 5 €, ok"); }
TEST(Printable, EscapesWhatSteersATerminal) {
  EXPECT_EQ(printable("\x1b[2Jx\n\t\x7f"), "\\x1b[2Jx\\x0a\\x09\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // C1
}
TEST(Printable, EscapesMarksThatReorderText) {
  EXPECT_EQ(printable("a\u202Eb"), "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(printable("\u2066"), "\\xe2\\x81\\xa6");
}
TEST(Printable, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(printable("a\xff"), "a\\xff");
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");
}

TEST(Cut, CountsCharactersNotBytes) {
  EXPECT_EQ(cut("grün", 4), "grün");
  EXPECT_EQ(cut("größer", 4), "grö…");
  EXPECT_EQ(cut("x", 0), "");
}

TEST(SizeText, IsShort) {
  EXPECT_EQ(size_text(1023), "1023 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Table, LeavesOutColumnsInWhichNothingStands) {
  Table table({"HOST", "STATE", "WHY"});
  table.add({{""}, {"done"}, {""}});
  EXPECT_EQ(table.str(plain_terminal()), "STATE\ndone\n");
}

TEST(Table, KeepsEveryRowOnOneLineOf80Columns) {
  Table table({"HOST", "PATH", "WHY"});
  table.add({{"web1"}, {std::string(90, 'p')}, {std::string(90, 'w')}});
  for (const auto& line : lines_of(table.str(plain_terminal()))) EXPECT_LE(columns_of(line), 80U);
  EXPECT_THAT(table.str(plain_terminal()), HasSubstr("web1  ppp"));
}

TEST(Table, KeepsWhatIsToStayWholeBelowItself) {
  Table table({"HOST", "BY", "WHY"});
  table.add(
      {{"web1"}, {"root"}, {"it\xc3\xa9 is down, " + std::string(20, 'x'), Tone::kPlain, true}});
  Terminal narrow;
  narrow.out = true;
  narrow.width = 28;
  EXPECT_EQ(table.str(narrow),
            "HOST  BY    WHY\n"
            "web1  root  it\xc3\xa9 is down,\n"
            "            xxxxxxxxxxxxxxxx\n"
            "            xxxx\n");
}

TEST(Table, IsNotCutInAPipe) {
  Table table({"WHY"});
  table.add({{std::string(200, 'w')}});
  EXPECT_THAT(table.str(Terminal{}), HasSubstr(std::string(200, 'w')));
}

TEST(Table, ColoursOnlyWhereAllowed) {
  Table table({"STATE"});
  table.add({{"done", Tone::kGood}});
  EXPECT_THAT(table.str(plain_terminal()), Not(HasSubstr("\x1b")));
  Terminal colour = plain_terminal();
  colour.colour = true;
  EXPECT_THAT(table.str(colour), HasSubstr("\x1b[32mdone\x1b[0m"));
}

TEST(Documents, AreReadBackAsJsonAndYaml) {
  const std::vector<std::string> items = {
      R"({"schema":"rollbackctl/v1/line","text":"a: \"b\" # c","list":[1,{"x":[]}],"none":null})"};
  const auto json = nlohmann::json::parse(json_document(items));
  EXPECT_EQ(json["schema"], "rollbackctl/v1/answer");
  EXPECT_EQ(json["items"][0]["text"], "a: \"b\" # c");
  const auto yaml = YAML::Load(yaml_document(items));
  EXPECT_EQ(yaml["items"][0]["text"].as<std::string>(), "a: \"b\" # c");
  EXPECT_EQ(yaml["items"][0]["list"][0].as<int>(), 1);
  EXPECT_EQ(yaml["items"][0]["list"][1]["x"].size(), 0U);
  EXPECT_TRUE(yaml["items"][0]["none"].IsNull());
}

}  // namespace
}  // namespace rollback::testing
