// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/compose_env.h"

#include <algorithm>

namespace rollback {

namespace {

constexpr std::string_view kSpaces = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// Without a comment: '#' at the beginning or after a space, outside quotes.
std::string_view without_comment(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
      return line.substr(0, i);
    }
  }
  return line;
}

std::string unquoted(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  return std::string(text);
}

class EnvFiles {
 public:
  std::vector<std::string> run(std::string_view yaml) {
    for (std::size_t begin = 0; begin < yaml.size();) {
      const auto end = std::min(yaml.find('\n', begin), yaml.size());
      line(without_comment(yaml.substr(begin, end - begin)));
      begin = end + 1;
    }
    return std::move(files_);
  }

 private:
  void line(std::string_view text) {
    const auto indent = text.find_first_not_of(' ');
    text = trimmed(text);
    if (text.empty()) return;
    if (in_list_ && list_line(text, indent)) return;
    in_list_ = false;
    if (text.starts_with("- ")) text = trimmed(text.substr(2));  // a service in flow style
    if (!text.starts_with("env_file:")) return;
    const auto value = trimmed(text.substr(std::string_view("env_file:").size()));
    in_list_ = value.empty();
    indent_ = indent;
    if (!value.empty()) add_value(value);
  }

  // True while the block list below `env_file:` goes on.
  bool list_line(std::string_view text, std::size_t indent) {
    if (indent < indent_ || (indent == indent_ && !text.starts_with('-'))) return false;
    if (text.starts_with('-')) text = trimmed(text.substr(1));
    if (text.starts_with("required:") || text.starts_with("format:")) return true;
    if (text.starts_with("path:")) text = text.substr(std::string_view("path:").size());
    add(text);
    return true;
  }

  void add_value(std::string_view value) {
    if (!value.starts_with('[')) return add(value);
    value = value.substr(1, value.find(']') - 1);
    while (!value.empty()) {
      const auto comma = std::min(value.find(','), value.size());
      add(value.substr(0, comma));
      value.remove_prefix(std::min(comma + 1, value.size()));
    }
  }

  void add(std::string_view value) {
    auto file = unquoted(value);
    if (!file.empty() && file.find('\0') == std::string::npos) files_.push_back(std::move(file));
  }

  std::vector<std::string> files_;
  bool in_list_ = false;
  std::size_t indent_ = 0;
};

}  // namespace

std::vector<std::string> env_files_in(std::string_view compose_yaml) {
  return EnvFiles().run(compose_yaml);
}

}  // namespace rollback
