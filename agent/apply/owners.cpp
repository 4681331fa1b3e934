// SPDX-License-Identifier: Apache-2.0
#include "agent/apply/owners.h"

#include <grp.h>
#include <pwd.h>

#include <vector>

namespace rollback {

namespace {

constexpr std::size_t kBuffer = 64 * 1024;  // a group may have very many members

std::optional<std::uint32_t> user_number(const std::string& name) {
  std::vector<char> buffer(kBuffer);
  passwd entry{};
  passwd* found = nullptr;
  getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return std::nullopt;
  return found->pw_uid;
}

std::optional<std::uint32_t> group_number(const std::string& name) {
  std::vector<char> buffer(kBuffer);
  group entry{};
  group* found = nullptr;
  getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

template <typename Lookup>
Result<std::uint32_t> number_of(std::map<std::string, std::optional<std::uint32_t>>& known,
                                const std::string& name, std::uint32_t recorded,
                                const std::string& path, const char* what, Lookup lookup) {
  if (name.empty()) return recorded;
  auto entry = known.find(name);
  if (entry == known.end()) entry = known.emplace(name, lookup(name)).first;
  if (entry->second) return *entry->second;
  return fail(ErrorCode::kInvalid, path + " belongs to the " + what + " '" + name +
                                       "', which does not exist on this host; create it first");
}

}  // namespace

Result<FileMeta> Owners::resolve(const Node& node, const std::string& path) {
  FileMeta meta = node.meta;
  ROLLBACK_ASSIGN(meta.uid, number_of(users_, node.user, meta.uid, path, "user", user_number));
  ROLLBACK_ASSIGN(meta.gid, number_of(groups_, node.group, meta.gid, path, "group", group_number));
  return meta;
}

}  // namespace rollback
