// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/grammar.h"
#include "agent/options_parts.h"

namespace rollback::options {

namespace {

constexpr std::size_t kMostFacts = 32;
constexpr Duration kShortest = std::chrono::milliseconds(10);
constexpr Duration kLongest = std::chrono::seconds(60);

Result<FactSpec> fact_of(const YamlNode& map) {
  ROLLBACK_TRY(map.expect_keys({"name", "exec", "timeout"}));
  FactSpec fact;
  ROLLBACK_ASSIGN(const auto name, map.at("name"));
  ROLLBACK_ASSIGN(fact.name, checked(name, check_name));
  ROLLBACK_ASSIGN(const auto exec, map.at("exec"));
  ROLLBACK_ASSIGN(fact.argv, argv_of(exec));
  ROLLBACK_ASSIGN(const auto timeout, map.find("timeout"));
  if (!timeout) return fact;
  ROLLBACK_ASSIGN(fact.timeout, duration_between(*timeout, kShortest, kLongest));
  return fact;
}

}  // namespace

Result<std::vector<FactSpec>> facts_of(const YamlNode& list) {
  ROLLBACK_ASSIGN(const auto items, list.items());
  if (items.size() > kMostFacts)
    return list.invalid("there are more than " + std::to_string(kMostFacts) + " facts");
  std::vector<FactSpec> facts;
  for (const auto& item : items) {
    ROLLBACK_ASSIGN(auto fact, fact_of(item));
    const auto is_same = [&](const FactSpec& other) { return other.name == fact.name; };
    if (std::any_of(facts.begin(), facts.end(), is_same))
      return item.invalid("the fact '" + fact.name + "' is listed twice");
    facts.push_back(std::move(fact));
  }
  return facts;
}

}  // namespace rollback::options
