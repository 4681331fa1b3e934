// SPDX-License-Identifier: Apache-2.0
// Names of the users and groups of a root: its own etc/passwd and etc/group, not those of the
// machine that runs the code, and no name service that may be down when it is needed. An account
// that is in neither file has no name and is known by its number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/digest.h"
#include "core/fs/directory.h"

namespace rollback {

// A value: read once, then constant.
class OwnerNames {
 public:
  // Absent files give no names.
  static Result<OwnerNames> load(const Directory& root);

  // "" when it has none.
  [[nodiscard]] std::string user(std::uint32_t uid) const;
  [[nodiscard]] std::string group(std::uint32_t gid) const;
  [[nodiscard]] std::optional<std::uint32_t> uid(const std::string& user) const;
  [[nodiscard]] std::optional<std::uint32_t> gid(const std::string& group) const;
  // The same for the same names and numbers.
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }

 private:
  struct Table {
    std::map<std::uint32_t, std::string> names;  // the first of several wins
    std::map<std::string, std::uint32_t> numbers;
  };
  static Result<Table> read(const Directory& root, std::string_view path);
  Table users_;
  Table groups_;
  Digest digest_;
};

}  // namespace rollback
