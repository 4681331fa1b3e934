// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/owner_names.h"

#include <algorithm>
#include <charconv>

namespace rollback {

namespace {

constexpr std::size_t kLargestTable = 64 * 1024 * 1024;

std::string find_name(const std::map<std::uint32_t, std::string>& names, std::uint32_t number) {
  const auto found = names.find(number);
  return found == names.end() ? "" : found->second;
}

std::optional<std::uint32_t> find_number(const std::map<std::string, std::uint32_t>& numbers,
                                         const std::string& name) {
  const auto found = numbers.find(name);
  if (found == numbers.end()) return std::nullopt;
  return found->second;
}

}  // namespace

Result<OwnerNames> OwnerNames::load(const Directory& root) {
  OwnerNames names;
  ROLLBACK_ASSIGN(names.users_, read(root, "etc/passwd"));
  ROLLBACK_ASSIGN(names.groups_, read(root, "etc/group"));
  Hasher hasher;
  for (const auto* const table : {&names.users_, &names.groups_}) {
    for (const auto& [number, name] : table->names)
      hasher.update(std::to_string(number) + ":" + name + "\n");
    hasher.update("\n");
  }
  names.digest_ = hasher.finish();
  return names;
}

// "name:x:number:...", one a line; other lines (NIS's "+") are passed over.
Result<OwnerNames::Table> OwnerNames::read(const Directory& root, std::string_view path) {
  Table table;
  const auto parent = open_parent(root, path, Crossing::kAllow);
  if (!parent && parent.error().code == ErrorCode::kNotFound) return table;
  if (!parent) return Failure(parent.error());
  const auto file = parent->directory.open_file(parent->name);
  if (!file && file.error().code == ErrorCode::kNotFound) return table;
  if (!file) return Failure(file.error());
  ROLLBACK_ASSIGN(const std::string text, file->read_all(kLargestTable));
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || first == 0 || second == std::string_view::npos) continue;
    std::uint32_t number = 0;
    const auto digits = line.substr(second + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (parsed.ec != std::errc()) continue;
    table.names.emplace(number, line.substr(0, first));
    table.numbers.emplace(line.substr(0, first), number);
  }
  return table;
}

std::string OwnerNames::user(std::uint32_t uid) const { return find_name(users_.names, uid); }
std::string OwnerNames::group(std::uint32_t gid) const { return find_name(groups_.names, gid); }

std::optional<std::uint32_t> OwnerNames::uid(const std::string& user) const {
  return find_number(users_.numbers, user);
}

std::optional<std::uint32_t> OwnerNames::gid(const std::string& group) const {
  return find_number(groups_.numbers, group);
}

}  // namespace rollback
