// SPDX-License-Identifier: Apache-2.0
#include "agent/grammar.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "model/tree.h"

namespace rollback {

namespace {

constexpr std::size_t kLongestName = 63;
constexpr std::size_t kLongestUnit = 255;
constexpr std::size_t kLongestUrl = 2048;
constexpr std::array<std::string_view, 5> kUnitTypes = {".service", ".socket", ".timer", ".path",
                                                        ".target"};
constexpr std::array<std::string_view, 3> kOwnUnits = {
    "rollback-agent.service", "rollback-recover.service", "rollback-coordinator.service"};

// Whole directories of the system: what is managed is also deleted, so they are never meant.
constexpr std::array<std::string_view, 34> kTooBroad = {"/",
                                                        "/bin",
                                                        "/boot",
                                                        "/etc",
                                                        "/etc/systemd",
                                                        "/etc/systemd/system",
                                                        "/home",
                                                        "/lib",
                                                        "/lib32",
                                                        "/lib64",
                                                        "/media",
                                                        "/mnt",
                                                        "/opt",
                                                        "/root",
                                                        "/sbin",
                                                        "/srv",
                                                        "/usr",
                                                        "/usr/bin",
                                                        "/usr/lib",
                                                        "/usr/lib64",
                                                        "/usr/local",
                                                        "/usr/local/bin",
                                                        "/usr/sbin",
                                                        "/usr/share",
                                                        "/var",
                                                        "/var/cache",
                                                        "/var/lib",
                                                        "/var/local",
                                                        "/var/log",
                                                        "/var/mail",
                                                        "/var/opt",
                                                        "/var/spool",
                                                        "/var/tmp",
                                                        "/tmp"};
constexpr std::array<std::string_view, 5> kNotOnDisk = {"/dev", "/proc", "/run", "/sys",
                                                        "/var/run"};
constexpr std::array<std::string_view, 4> kOwnPaths = {"/etc/rollback", "/var/lib/rollback-agent",
                                                       "/var/lib/rollback-coordinator",
                                                       "/usr/lib/rollback"};

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c); }

template <typename First>
bool is_word(std::string_view text, First first, std::string_view others, std::size_t longest) {
  if (text.empty() || text.size() > longest || !first(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || others.find(c) != std::string_view::npos;
  });
}

bool has_upper(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Failure wrong(std::string_view text, std::string_view what) {
  return fail(ErrorCode::kInvalid, "'" + std::string(text) + "' " + std::string(what));
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536 &&
         text.front() != '0';
}

bool is_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']'))
    return text.size() > 2 &&
           text.find_first_not_of("0123456789abcdefABCDEF:.", 1) == text.size() - 1;
  return is_word(text, is_alnum, ".-", 253);
}

bool is_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  return colon != std::string_view::npos && is_host(text.substr(0, colon)) &&
         is_port(text.substr(colon + 1));
}

}  // namespace

Status check_unit_name(std::string_view text) {
  const auto type = std::find_if(kUnitTypes.begin(), kUnitTypes.end(),
                                 [&](auto suffix) { return text.ends_with(suffix); });
  if (type == kUnitTypes.end())
    return wrong(text,
                 "is not a unit name; it must end in .service, .socket, .timer, .path or "
                 ".target");
  const auto stem = text.substr(0, text.size() - type->size());
  if (!is_word(stem, is_alnum, ":_.-@", kLongestUnit - type->size()) ||
      std::count(stem.begin(), stem.end(), '@') > 1)
    return wrong(text, "is not a unit name; letters, digits and :_.-@ are allowed");
  if (stem.ends_with('@'))
    return wrong(text, "is a template; name its instances, such as " + std::string(stem) + "1" +
                           std::string(*type));
  if (std::find(kOwnUnits.begin(), kOwnUnits.end(), text) != kOwnUnits.end())
    return wrong(text, "belongs to rollbackctl itself and cannot be managed");
  return {};
}

Status check_name(std::string_view text) {
  if (is_word(text, is_alnum, "._@-", kLongestName)) return {};
  return wrong(text, "is not a name: a letter or digit, then letters, digits and ._@-, at most 63");
}

Status check_label_key(std::string_view text) {
  if (is_word(text, is_lower, "._-", kLongestName) && !has_upper(text)) return {};
  return wrong(text,
               "is not a label: a lower-case letter, then lower-case letters, digits and "
               "._-, at most 63");
}

Status check_label_value(std::string_view text) {
  if (is_word(text, is_alnum, "._-", kLongestName)) return {};
  return wrong(text,
               "is not the value of a label: a letter or digit, then letters, digits and "
               "._-, at most 63");
}

Status check_endpoint(std::string_view text) {
  constexpr std::string_view kScheme = "tcp://";
  if (text.starts_with(kScheme) && is_host_port(text.substr(kScheme.size()))) return {};
  return wrong(text, "is not an endpoint such as tcp://10.0.0.1:7400");
}

Status check_host_port(std::string_view text) {
  if (is_host_port(text)) return {};
  return wrong(text, "is not a host and port such as 10.0.0.9:5432");
}

Status check_url(std::string_view text) {
  const auto scheme = text.find("://");
  const bool known = text.starts_with("http://") || text.starts_with("https://");
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (known && printable && text.size() > scheme + 3 && text.size() <= kLongestUrl &&
      text[scheme + 3] != '/')
    return {};
  return wrong(text, "is not a URL such as http://127.0.0.1/healthz");
}

Status check_group_name(std::string_view text) {
  const auto first = [](char c) { return is_lower(c) || c == '_'; };
  if (is_word(text, first, "_-", 32) && !has_upper(text)) return {};
  return wrong(text, "is not the name of a group");
}

Status check_glob(std::string_view text) {
  if (text.empty()) return wrong(text, "is an empty pattern");
  if (text.find('\0') != std::string_view::npos || text.size() > 4095)
    return wrong(text.substr(0, 64), "is not a pattern");
  if (text == ".." || text.starts_with("../") || text.ends_with("/..") ||
      text.find("/../") != std::string_view::npos)
    return wrong(text, "holds '..', which never matches");
  return {};
}

Status check_managed_path(std::string_view path) {
  if (path != "/" && !is_canonical_path(path))
    return wrong(path, "is not an absolute path without '..', '.', '//' and a '/' at its end");
  if (std::find(kTooBroad.begin(), kTooBroad.end(), path) != kTooBroad.end())
    return wrong(path, "is a directory of the system as a whole; name what is managed inside it");
  for (const auto volatile_path : kNotOnDisk)
    if (is_within(path, volatile_path))
      return wrong(path, "is below " + std::string(volatile_path) +
                             ", which is made anew at each boot and cannot be managed");
  for (const auto own : kOwnPaths)
    if (is_within(path, own) || is_within(own, path))
      return wrong(path, "overlaps " + std::string(own) +
                             ", which belongs to rollbackctl itself and cannot be managed");
  if ((std::string(path) + "/").find("/.rollback/") != std::string::npos)
    return wrong(path, "is inside a staging directory of rollbackctl and cannot be managed");
  return {};
}

int port_of(std::string_view endpoint) {
  const auto digits = endpoint.substr(endpoint.rfind(':') + 1);
  int port = 0;
  (void)std::from_chars(digits.data(), digits.data() + digits.size(), port);  // checked before
  return port;
}

}  // namespace rollback
