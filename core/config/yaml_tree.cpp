// SPDX-License-Identifier: Apache-2.0
#include "core/config/yaml_tree.h"

#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <utility>

namespace rollback {

namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20;  // bytes

// Events instead of YAML::Node, which forgets duplicate keys and expands aliases without a bound.
// Refusals are thrown as the parser's own exception and end in parse_yaml_tree.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0)
      throw YAML::ParserException(mark, "a second document begins here; one file holds one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(mark, {YamlKind::kNull, mark.line + 1, {}, {}, {}, {}});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw YAML::ParserException(mark, "aliases (*name) are not accepted; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (wants_key()) return add_key(mark, value);
    add(mark, {YamlKind::kScalar, mark.line + 1, value, {}, {}, {}});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, YamlKind::kList);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, YamlKind::kMap);
  }
  void OnMapEnd() override { end(); }

  [[nodiscard]] YamlTree take() { return std::move(root_); }

 private:
  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      throw YAML::ParserException(mark, "anchors (&name) are not accepted; write the value out");
  }
  // "?" stands for a plain and "!" for a quoted value.
  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      throw YAML::ParserException(mark, "tags (!type) are not accepted; remove it");
  }
  [[nodiscard]] bool wants_key() const {
    return !open_.empty() && open_.back().kind == YamlKind::kMap &&
           open_.back().keys.size() == open_.back().children.size();
  }
  void add_key(const YAML::Mark& mark, const std::string& key) {
    YamlTree& map = open_.back();
    const auto first = std::find(map.keys.begin(), map.keys.end(), key);
    if (first != map.keys.end()) {
      const auto line = map.key_lines[static_cast<std::size_t>(first - map.keys.begin())];
      throw YAML::ParserException(
          mark, "the key '" + key + "' is already in line " + std::to_string(line));
    }
    map.keys.push_back(key);
    map.key_lines.push_back(mark.line + 1);
  }
  void add(const YAML::Mark& mark, YamlTree tree) {
    if (wants_key()) throw YAML::ParserException(mark, "a key must be a plain word");
    (open_.empty() ? root_ : open_.back().children.emplace_back()) = std::move(tree);
  }
  void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlKind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (wants_key()) throw YAML::ParserException(mark, "a key must be a plain word");
    open_.push_back({kind, mark.line + 1, {}, {}, {}, {}});
  }
  void end() {
    YamlTree done = std::move(open_.back());
    open_.pop_back();
    (open_.empty() ? root_ : open_.back().children.emplace_back()) = std::move(done);
  }

  std::vector<YamlTree> open_;
  YamlTree root_{YamlKind::kMap, 1, {}, {}, {}, {}};
  int documents_ = 0;
};

Failure invalid_at(const std::string& name, int line, const std::string& sentence) {
  return fail(ErrorCode::kInvalid, name + ":" + std::to_string(line) + ": " + sentence);
}

}  // namespace

Result<YamlTree> parse_yaml_tree(std::string_view text, const std::string& name) {
  if (text.size() > kMaxText) return invalid_at(name, 1, "the file is larger than 1 MiB");
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(nul), '\n');
    return invalid_at(name, static_cast<int>(line), "a NUL byte; this is no text file");
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    auto tree = builder.take();
    if (tree.kind == YamlKind::kNull) tree.kind = YamlKind::kMap;
    return tree;
  } catch (const YAML::Exception& error) {
    return invalid_at(name, std::max(error.mark.line, 0) + 1, error.msg);
  } catch (const std::exception& error) {
    return invalid_at(name, 1, std::string("not readable as YAML: ") + error.what());
  }
}

}  // namespace rollback
