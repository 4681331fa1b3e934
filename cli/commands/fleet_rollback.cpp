// SPDX-License-Identifier: Apache-2.0
// Who is meant, before a fleet is changed.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/output/answer.h"
#include "cli/output/text.h"

namespace rollback {

namespace {

constexpr std::size_t kMostToConfirm = 10;  // above it, their number is typed

// Sorted names of the selected hosts, as the coordinator knows them.
Result<std::vector<std::string>> find_selected(Session& session, const HostSelection& hosts,
                                               End& end) {
  std::vector<std::string> names;
  auto ended = session.coordinator().ask(FleetStatusRequest{hosts}, [&](const Reply& reply) {
    if (const auto* const host = std::get_if<HostItem>(&reply.body)) names.push_back(host->name);
    if (const auto* const status = std::get_if<StatusItem>(&reply.body))
      names.push_back(reply.host.empty() ? status->host : reply.host);
  });
  if (!ended) return Failure(ended.error());
  end = *std::move(ended);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  for (const auto& name : names)
    if (shown.size() < kMostToConfirm) shown.push_back(printable(name));
  const std::size_t more = names.size() - shown.size();
  return fmt::format("{}{}", fmt::join(shown, ", "),
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

bool typed(const std::string& expected) {
  std::string answer;
  return std::getline(std::cin, answer) && answer == expected;
}

}  // namespace

bool fleet_confirmed(Session& session, const HostSelection& hosts, const std::string& to) {
  if (session.yes || !session.terminal.in || !session.terminal.out) return true;
  End end;
  const auto names = find_selected(session, hosts, end);
  if (!names || (end.error && names->empty())) {
    const Error error = names ? *end.error : names.error();
    print_error(session, error.message);
    session.exit = names                              ? end.exit_code
                   : error.code == ErrorCode::kDenied ? ExitCode::kDenied
                   : session.interrupted()            ? ExitCode::kDetached
                                                      : ExitCode::kUsage;
    return false;
  }
  const std::string count = std::to_string(names->size());
  const std::string what = fmt::format("Take {} host{} back to {}: {}", count,
                                       names->size() == 1 ? "" : "s", to, listed(*names));
  bool good = false;
  if (names->size() <= kMostToConfirm) {
    good = confirmed(session, what + "?");
  } else {
    std::cerr << what << ".\nType the number of hosts to go on: " << std::flush;
    good = typed(count);
  }
  if (good) return true;
  print_error(session, "not confirmed; nothing was changed");
  session.exit = ExitCode::kUsage;
  return false;
}

}  // namespace rollback
