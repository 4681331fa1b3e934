// SPDX-License-Identifier: Apache-2.0
#include "coordinator/fleet/selector.h"

#include <fnmatch.h>

#include <algorithm>

namespace rollback {

Result<Selector> Selector::parse(std::string_view expression) {
  Selector selector;
  std::size_t begin = 0;
  while (begin <= expression.size()) {
    const std::size_t end = std::min(expression.find(',', begin), expression.size());
    std::string_view text = expression.substr(begin, end - begin);
    Term term;
    if (text.starts_with('!')) {
      term.negated = true;
      text.remove_prefix(1);
    }
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      term.key = text.substr(0, equals);
      text.remove_prefix(equals + 1);
    }
    term.glob = text;
    if (term.glob.empty() || equals == 0)
      return fail(ErrorCode::kInvalid, "'" + std::string(expression) +
                                           "' selects nothing; write host names, globs or "
                                           "key=value, joined by commas");
    selector.terms_.push_back(std::move(term));
    begin = end + 1;
  }
  return selector;
}

bool Selector::matches(const HostRecord& host) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    bool found = false;
    if (term.key.empty()) found = fnmatch(term.glob.c_str(), host.name.c_str(), 0) == 0;
    for (const auto& [key, value] : host.labels)
      found = found || (key == term.key && fnmatch(term.glob.c_str(), value.c_str(), 0) == 0);
    return found != term.negated;
  });
}

std::vector<std::string> Selector::unknown_names(const std::vector<HostRecord>& hosts) const {
  std::vector<std::string> names;
  for (const auto& term : terms_) {
    if (!term.key.empty() || term.glob.find_first_of("*?[\\") != std::string::npos) continue;
    if (std::none_of(hosts.begin(), hosts.end(),
                     [&](const HostRecord& host) { return host.name == term.glob; }))
      names.push_back(term.glob);
  }
  return names;
}

namespace {

std::string shown(const HostSelection& selection) {
  std::string text;
  for (const auto& limit : selection.limit) text += " -l '" + limit + "'";
  for (const auto& exclude : selection.exclude) text += " --exclude '" + exclude + "'";
  return text.empty() ? "no expression" : text.substr(1);
}

// Left out without a word, a misspelt host would stay where it is, or be taken along.
Status require_known(const std::vector<Selector>& selectors, const std::vector<HostRecord>& hosts) {
  for (const auto& selector : selectors) {
    const auto names = selector.unknown_names(hosts);
    if (!names.empty())
      return fail(ErrorCode::kInvalid, "no accepted host is called '" + names.front() +
                                           "'; 'rollbackctl fleet hosts list' shows who there is");
  }
  return {};
}

}  // namespace

Result<std::vector<HostRecord>> select_hosts(const std::vector<HostRecord>& hosts,
                                             const HostSelection& selection) {
  const auto parse_all =
      [](const std::vector<std::string>& texts) -> Result<std::vector<Selector>> {
    std::vector<Selector> selectors;
    for (const auto& text : texts) {
      ROLLBACK_ASSIGN(auto selector, Selector::parse(text));
      selectors.push_back(std::move(selector));
    }
    return selectors;
  };
  ROLLBACK_ASSIGN(const auto limits, parse_all(selection.limit));
  ROLLBACK_ASSIGN(const auto excludes, parse_all(selection.exclude));
  const auto any = [](const std::vector<Selector>& selectors, const HostRecord& host) {
    return std::any_of(selectors.begin(), selectors.end(),
                       [&](const Selector& selector) { return selector.matches(host); });
  };
  if (!hosts.empty()) {
    ROLLBACK_TRY(require_known(limits, hosts));
    ROLLBACK_TRY(require_known(excludes, hosts));
  }
  std::vector<HostRecord> chosen;
  for (const auto& host : hosts)
    if ((limits.empty() || any(limits, host)) && !any(excludes, host)) chosen.push_back(host);
  if (chosen.empty())
    return fail(ErrorCode::kNotFound,
                hosts.empty()
                    ? "the fleet has no accepted host yet; 'rollbackctl fleet hosts list' "
                      "shows who waits"
                    : "no accepted host is selected by " + shown(selection));
  return chosen;
}

}  // namespace rollback
