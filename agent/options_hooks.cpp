// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/options_parts.h"

namespace rollback::options {

namespace {

constexpr std::size_t kMostHooks = 16;
constexpr std::size_t kMostWords = 64;
constexpr std::size_t kLongestWord = 4096;  // bytes
constexpr Duration kShortest = std::chrono::milliseconds(10);
constexpr Duration kLongest = std::chrono::minutes(10);

Result<std::vector<std::string>> hook_of(const YamlNode& node) {
  ROLLBACK_ASSIGN(auto argv, argv_of(node));
  if (argv.size() > kMostWords || std::any_of(argv.begin(), argv.end(), [](const auto& word) {
        return word.size() > kLongestWord;
      }))
    return node.invalid("a hook has at most " + std::to_string(kMostWords) + " words of " +
                        std::to_string(kLongestWord) + " bytes; put more into a script");
  return argv;
}

Result<std::vector<std::vector<std::string>>> hook_list(const YamlNode& map, std::string_view key) {
  std::vector<std::vector<std::string>> hooks;
  ROLLBACK_ASSIGN(const auto node, map.find(key));
  if (!node) return hooks;
  ROLLBACK_ASSIGN(const auto items, node->items());
  if (items.size() > kMostHooks)
    return node->invalid("there are more than " + std::to_string(kMostHooks) + " hooks");
  for (const auto& item : items) {
    ROLLBACK_ASSIGN(auto hook, hook_of(item));
    hooks.push_back(std::move(hook));
  }
  return hooks;
}

}  // namespace

Result<HookOptions> hooks_of(const YamlNode& map) {
  ROLLBACK_TRY(map.expect_keys({"drain", "readmit", "timeout"}));
  HookOptions hooks;
  ROLLBACK_ASSIGN(hooks.drain, hook_list(map, "drain"));
  ROLLBACK_ASSIGN(hooks.readmit, hook_list(map, "readmit"));
  if (!hooks.drain.empty() && hooks.readmit.empty())
    return map.invalid("a host that is drained needs 'readmit', or it gets no traffic again");
  ROLLBACK_ASSIGN(const auto timeout, map.find("timeout"));
  if (timeout) {
    ROLLBACK_ASSIGN(hooks.timeout, duration_between(*timeout, kShortest, kLongest));
  }
  return hooks;
}

}  // namespace rollback::options
