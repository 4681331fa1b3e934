// SPDX-License-Identifier: Apache-2.0
// Typed reads of a YAML document. Every error is one sentence that begins with "file:line: ".
// yaml-cpp stays inside yaml_tree.cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace rollback {

// One node of a parsed document: a scalar, a list or a map. Copies share the document.
class YamlNode {
 public:
  // Duplicate keys, aliases, tags, several documents and input above 1 MiB are errors.
  // `name` is the file's name in errors. An empty document is an empty map.
  static Result<YamlNode> parse(std::string_view text, const std::string& name);

  [[nodiscard]] std::string where() const;                         // "agent.yaml:12"
  [[nodiscard]] Failure invalid(std::string_view sentence) const;  // "agent.yaml:12: sentence"

  // kInvalid unless this is a map with no other keys; the message names the nearest valid key.
  Status expect_keys(std::initializer_list<std::string_view> keys) const;
  Status expect_map() const;
  [[nodiscard]] bool has(std::string_view key) const;
  Result<YamlNode> at(std::string_view key) const;                        // kInvalid when absent
  Result<std::optional<YamlNode>> find(std::string_view key) const;       // nullopt when absent
  Result<std::vector<YamlNode>> items() const;                            // this must be a list
  Result<std::vector<std::pair<std::string, YamlNode>>> entries() const;  // this must be a map

  Result<std::string> as_string() const;  // any scalar, also 5 or true; null is an error
  Result<std::int64_t> as_int(std::int64_t low, std::int64_t high) const;
  Result<bool> as_bool() const;  // true or false
  Result<Duration> as_duration() const;
  Result<std::vector<std::string>> as_strings() const;

 private:
  struct Inner;
  explicit YamlNode(std::shared_ptr<const Inner> inner);
  std::shared_ptr<const Inner> inner_;
};

}  // namespace rollback
