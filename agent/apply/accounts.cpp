// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/accounts.h"

#include <fmt/format.h>

#include <cstdint>
#include <set>
#include <tuple>

namespace rollback {

namespace {

// Kind ("user"), name in the release, number, whose the number is here ("" nobody's).
using Lacking = std::set<std::tuple<std::string_view, std::string, std::uint32_t, std::string>>;

void settle(std::string_view kind, std::string& name, std::uint32_t number, bool exists,
            const std::string& here, Lacking& lacking) {
  if (name.empty() || exists) return;
  lacking.emplace(kind, name, number, here);
  name = here;
}

}  // namespace

std::vector<std::string> settle_accounts(HostState& target, const OwnerNames& owners,
                                         const std::string& to) {
  Lacking lacking;
  for (auto& [path, node] : target.manifest) {
    settle("user", node.user, node.meta.uid, owners.uid(node.user).has_value(),
           owners.user(node.meta.uid), lacking);
    settle("group", node.group, node.meta.gid, owners.gid(node.group).has_value(),
           owners.group(node.meta.gid), lacking);
  }
  std::vector<std::string> lines;
  for (const auto& [kind, name, number, here] : lacking)
    lines.push_back(fmt::format(
        "files of {} belong to the {} '{}', which this host does not have: they get its number "
        "{}{}",
        to, kind, name, number, here.empty() ? "" : ", which is that of '" + here + "' here"));
  return lines;
}

}  // namespace rollback
