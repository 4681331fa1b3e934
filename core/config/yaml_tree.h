// SPDX-License-Identifier: Apache-2.0
// A YAML document as a tree that remembers its lines, and the parser's rules about what it refuses.
// Private to core/config.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace rollback {

enum class YamlKind { kNull, kScalar, kList, kMap };

struct YamlTree {
  YamlKind kind = YamlKind::kNull;
  int line = 1;
  std::string scalar;              // kScalar
  std::vector<std::string> keys;   // kMap: keys[i] belongs to children[i]
  std::vector<int> key_lines;      // kMap
  std::vector<YamlTree> children;  // kList and kMap
};

// kInvalid, "file:line: sentence", for whatever YamlNode::parse refuses.
Result<YamlTree> parse_yaml_tree(std::string_view text, const std::string& name);

}  // namespace rollback
