// SPDX-License-Identifier: Apache-2.0
#include "coordinator/options.h"

#include <algorithm>
#include <charconv>

#include "core/config/yaml.h"

namespace rollback {

namespace {

constexpr std::size_t kLongestName = 63;
constexpr std::string_view kScheme = "tcp://";

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c); }

bool consists_of_alnum_and(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || others.find(c) != std::string_view::npos;
  });
}

bool is_word(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= kLongestName && is_alnum(text.front()) &&
         consists_of_alnum_and(text, others);
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536;
}

// "tcp://*:7400", "tcp://10.0.0.1:7400", "tcp://[::]:7400", "tcp://eth0:7400".
bool is_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (!text.starts_with(kScheme) || colon == std::string_view::npos || colon < kScheme.size())
    return false;
  const auto host = text.substr(kScheme.size(), colon - kScheme.size());
  const bool known = host == "*" || (!host.empty() && consists_of_alnum_and(host, ".-[]:"));
  return known && is_port(text.substr(colon + 1));
}

bool is_group_name(std::string_view text) {
  return is_word(text, "_-") && (is_lower(text.front()) || text.front() == '_');
}

Status read_text(const YamlNode& map, std::string_view key, bool (*is_valid)(std::string_view),
                 std::string_view what, std::string& into) {
  ROLLBACK_ASSIGN(const auto node, map.find(key));
  if (!node) return {};
  ROLLBACK_ASSIGN(into, node->as_string());
  if (!is_valid(into)) return node->invalid("'" + into + "' " + std::string(what));
  return {};
}

}  // namespace

bool is_host_name(std::string_view text) { return is_word(text, "._@-"); }

Result<CoordinatorOptions> CoordinatorOptions::parse(std::string_view yaml,
                                                     const std::string& file_name) {
  constexpr std::string_view kAddress = "is not an address to listen on, such as tcp://*:7400";
  ROLLBACK_ASSIGN(const auto root, YamlNode::parse(yaml, file_name));
  ROLLBACK_TRY(root.expect_keys({"fleet", "listen", "operators_group"}));
  CoordinatorOptions options;
  ROLLBACK_TRY(root.at("fleet"));
  ROLLBACK_TRY(read_text(
      root, "fleet", [](std::string_view text) { return is_word(text, "._-"); },
      "is not the name of a fleet: a letter or digit, then letters, digits and ._-, at most 63",
      options.fleet));
  ROLLBACK_TRY(read_text(root, "operators_group", is_group_name, "is not the name of a group",
                         options.operators_group));
  ROLLBACK_ASSIGN(const auto listen, root.find("listen"));
  if (!listen) return options;
  ROLLBACK_TRY(listen->expect_keys({"agents", "enrolment"}));
  ROLLBACK_TRY(read_text(*listen, "agents", is_listen_address, kAddress, options.agents));
  ROLLBACK_TRY(read_text(*listen, "enrolment", is_listen_address, kAddress, options.enrolment));
  if (options.agents == options.enrolment)
    return listen->invalid("agents and enrolment need an address each: " + options.agents +
                           " is both");
  return options;
}

}  // namespace rollback
