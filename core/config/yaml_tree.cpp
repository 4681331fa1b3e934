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
    // The mark of an absent value is where the parser noticed, often the line below.
    if (tree.kind == YamlKind::kNull && !open_.empty() && open_.back().kind == YamlKind::kMap)
      tree.line = open_.back().key_lines.back();
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

YamlTree build(std::string_view text) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  TreeBuilder builder;
  while (parser.HandleNextDocument(builder)) {
  }
  return builder.take();
}

// How many bytes of `text` are UTF-8 (RFC 3629, section 4) before something else comes.
std::size_t valid_utf8(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned lead = at(i);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0 || length > text.size() - i) return i;
    for (std::size_t j = 1; j < length; ++j)
      if (at(i + j) < 0x80 || at(i + j) > 0xbf) return i;
    // overlong forms, surrogates, and what lies beyond U+10FFFF
    const unsigned next = length > 1 ? at(i + 1) : 0;
    if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f) ||
        (lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next > 0x8f))
      return i;
    i += length;
  }
  return i;
}

int line_of(std::string_view text, std::size_t position) {
  const auto before = text.substr(0, position);
  return 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
}

Failure invalid_at(const std::string& name, int line, const std::string& sentence) {
  return fail(ErrorCode::kInvalid, name + ":" + std::to_string(line) + ": " + sentence);
}

}  // namespace

Result<YamlTree> parse_yaml_tree(std::string_view text, const std::string& name) {
  if (text.size() > kMaxText) return invalid_at(name, 1, "the file is larger than 1 MiB");
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    return invalid_at(name, line_of(text, nul), "a NUL byte; this is no text file");
  if (const auto valid = valid_utf8(text); valid < text.size())
    return invalid_at(name, line_of(text, valid), "a byte that is not UTF-8");
  try {
    // yaml-cpp takes the end of the file for the end of a quoted value, but only after a newline.
    (void)build(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
    auto tree = build(text);
    if (tree.kind == YamlKind::kNull) tree.kind = YamlKind::kMap;
    return tree;
  } catch (const YAML::Exception& error) {
    return invalid_at(name, std::max(error.mark.line, 0) + 1, error.msg);
  } catch (const std::exception& error) {
    return invalid_at(name, 1, std::string("not readable as YAML: ") + error.what());
  }
}

}  // namespace rollback
