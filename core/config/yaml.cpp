// SPDX-License-Identifier: Apache-2.0
#include "core/config/yaml.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <numeric>

#include "core/config/yaml_tree.h"

namespace rollback {

namespace {

struct Document {
  std::string name;
  YamlTree root;
};

std::string_view kind_name(YamlKind kind) {
  switch (kind) {
    case YamlKind::kNull:
      return "nothing";
    case YamlKind::kScalar:
      return "a single value";
    case YamlKind::kList:
      return "a list";
    case YamlKind::kMap:
      return "a map";
  }
  return "something unknown";
}

// Levenshtein, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string unknown_key(std::string_view key, std::initializer_list<std::string_view> valid) {
  std::string sentence = "the key '" + std::string(key) + "' is not known here";
  const auto nearest = std::min_element(valid.begin(), valid.end(), [&](auto a, auto b) {
    return edit_distance(key, a) < edit_distance(key, b);
  });
  if (nearest == valid.end()) return sentence + "; no keys are";
  if (key.size() <= 64 && edit_distance(key, *nearest) <= std::max<std::size_t>(2, key.size() / 3))
    return sentence + "; did you mean '" + std::string(*nearest) + "'?";
  sentence += "; valid keys are";
  for (const auto& name : valid)
    sentence += (&name == valid.begin() ? " " : ", ") + std::string(name);
  return sentence;
}

}  // namespace

struct YamlNode::Inner {
  std::shared_ptr<const Document> document;
  const YamlTree* tree;

  [[nodiscard]] YamlNode child(std::size_t index) const {
    return YamlNode(std::make_shared<const Inner>(Inner{document, &tree->children[index]}));
  }
  [[nodiscard]] Failure invalid(int line, std::string_view sentence) const {
    return fail(ErrorCode::kInvalid,
                document->name + ":" + std::to_string(line) + ": " + std::string(sentence));
  }
  // "needs a list, but nothing is here"
  [[nodiscard]] Status expect(YamlKind kind) const {
    if (tree->kind == kind) return {};
    return invalid(tree->line, std::string(kind_name(kind)) + " is needed here, but there is " +
                                   std::string(kind_name(tree->kind)));
  }
};

YamlNode::YamlNode(std::shared_ptr<const Inner> inner) : inner_(std::move(inner)) {}

Result<YamlNode> YamlNode::parse(std::string_view text, const std::string& name) {
  ROLLBACK_ASSIGN(auto root, parse_yaml_tree(text, name));
  const auto document = std::make_shared<const Document>(Document{name, std::move(root)});
  return YamlNode(std::make_shared<const Inner>(Inner{document, &document->root}));
}

std::string YamlNode::where() const {
  return inner_->document->name + ":" + std::to_string(inner_->tree->line);
}

Failure YamlNode::invalid(std::string_view sentence) const {
  return inner_->invalid(inner_->tree->line, sentence);
}

Status YamlNode::expect_keys(std::initializer_list<std::string_view> keys) const {
  ROLLBACK_TRY(expect_map());
  const YamlTree& map = *inner_->tree;
  for (std::size_t i = 0; i < map.keys.size(); ++i)
    if (std::find(keys.begin(), keys.end(), map.keys[i]) == keys.end())
      return inner_->invalid(map.key_lines[i], unknown_key(map.keys[i], keys));
  return {};
}

Status YamlNode::expect_map() const { return inner_->expect(YamlKind::kMap); }

bool YamlNode::has(std::string_view key) const {
  const auto& keys = inner_->tree->keys;
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Result<YamlNode> YamlNode::at(std::string_view key) const {
  ROLLBACK_ASSIGN(const auto found, find(key));
  if (!found) return invalid("the key '" + std::string(key) + "' is missing here");
  return *found;
}

Result<std::optional<YamlNode>> YamlNode::find(std::string_view key) const {
  ROLLBACK_TRY(expect_map());
  const auto& keys = inner_->tree->keys;
  const auto found = std::find(keys.begin(), keys.end(), key);
  if (found == keys.end()) return std::nullopt;
  return inner_->child(static_cast<std::size_t>(found - keys.begin()));
}

Result<std::vector<YamlNode>> YamlNode::items() const {
  ROLLBACK_TRY(inner_->expect(YamlKind::kList));
  std::vector<YamlNode> nodes;
  for (std::size_t i = 0; i < inner_->tree->children.size(); ++i) nodes.push_back(inner_->child(i));
  return nodes;
}

Result<std::vector<std::pair<std::string, YamlNode>>> YamlNode::entries() const {
  ROLLBACK_TRY(expect_map());
  std::vector<std::pair<std::string, YamlNode>> pairs;
  for (std::size_t i = 0; i < inner_->tree->children.size(); ++i)
    pairs.emplace_back(inner_->tree->keys[i], inner_->child(i));
  return pairs;
}

Result<std::string> YamlNode::as_string() const {
  ROLLBACK_TRY(inner_->expect(YamlKind::kScalar));
  return inner_->tree->scalar;
}

Result<std::int64_t> YamlNode::as_int(std::int64_t low, std::int64_t high) const {
  ROLLBACK_ASSIGN(const std::string text, as_string());
  const auto digits = std::string_view(text).substr(text.starts_with('-') ? 1 : 0);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size() && !digits.empty();
  if (whole && digits.size() > 1 && digits.front() == '0')  // elsewhere this would be octal
    return invalid("'" + text + "' begins with 0; write the number without it");
  if (error == std::errc::invalid_argument || !whole)
    return invalid("'" + text + "' is not a whole number");
  if (error != std::errc() || value < low || value > high)
    return invalid(text + " is not between " + std::to_string(low) + " and " +
                   std::to_string(high));
  return value;
}

Result<bool> YamlNode::as_bool() const {
  ROLLBACK_ASSIGN(const std::string text, as_string());
  if (text == "true") return true;
  if (text == "false") return false;
  return invalid("'" + text + "' is neither true nor false");
}

Result<Duration> YamlNode::as_duration() const {
  ROLLBACK_ASSIGN(const std::string text, as_string());
  const auto duration = parse_duration(text);
  if (!duration) return invalid(duration.error().message);
  return *duration;
}

Result<std::vector<std::string>> YamlNode::as_strings() const {
  ROLLBACK_ASSIGN(const auto nodes, items());
  std::vector<std::string> strings;
  for (const auto& node : nodes) {
    ROLLBACK_ASSIGN(auto text, node.as_string());
    strings.push_back(std::move(text));
  }
  return strings;
}

}  // namespace rollback
