// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/nginx_tokens.h"

#include <utility>

namespace rollback {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<NginxDirective> run() {
    while (!at_end()) step();
    return std::move(directives_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return text_[at_]; }

  char take() { return text_[at_++]; }

  void step() {
    const char c = peek();
    if (is_space(c)) {
      take();
    } else if (c == '#') {
      while (!at_end() && peek() != '\n') take();
    } else if (c == ';' || c == '{' || c == '}') {
      take();
      end_directive(c);
    } else {
      current_.words.push_back(c == '"' || c == '\'' ? quoted() : bare());
    }
  }

  void end_directive(char terminator) {
    const bool lua = terminator == '{' && !current_.words.empty() &&
                     current_.words.front().ends_with("_by_lua_block");
    // Words before a '}' lack their ';': no directive.
    if (terminator != '}' && !current_.words.empty()) directives_.push_back(std::move(current_));
    current_ = {};
    if (lua) skip_block();
  }

  // Foreign code up to the brace that closes the one just taken.
  void skip_block() {
    for (int depth = 1; !at_end() && depth > 0;) {
      const char c = take();
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    }
  }

  std::string quoted() {
    const char quote = take();
    std::string word;
    while (!at_end() && peek() != quote) take_character(word);
    if (!at_end()) take();
    return word;
  }

  std::string bare() {
    std::string word;
    while (!at_end() && !is_space(peek()) && peek() != ';') {
      if (peek() == '{' && !word.ends_with('$')) break;
      const bool variable = peek() == '{';
      take_character(word);
      while (variable && !at_end() && !word.ends_with('}') && !is_space(peek())) word += take();
    }
    return word;
  }

  // nginx drops a backslash only before these; elsewhere (regular expressions) it stays.
  void take_character(std::string& word) {
    const char c = take();
    if (c != '\\' || at_end()) {
      word += c;
      return;
    }
    const char next = take();
    if (next == 't' || next == 'r' || next == 'n') {
      word += next == 't' ? '\t' : next == 'r' ? '\r' : '\n';
      return;
    }
    if (next != '"' && next != '\'' && next != '\\') word += c;
    word += next;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  NginxDirective current_;
  std::vector<NginxDirective> directives_;
};

}  // namespace

std::vector<NginxDirective> parse_nginx(std::string_view text) { return Scanner(text).run(); }

}  // namespace rollback
