// SPDX-License-Identifier: Apache-2.0
// Owners by name on this host: a release recorded elsewhere, or before an account was made anew,
// may hold other numbers. Asks the system's account database and remembers answers. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "model/tree.h"

namespace rollback {

class Owners {
 public:
  // The metadata of `node` with the numbers of this host; without recorded names, the numbers as
  // they are. kInvalid names an account that does not exist here: what it owned could not be
  // restored as recorded.
  Result<FileMeta> resolve(const Node& node, const std::string& path);

 private:
  std::map<std::string, std::optional<std::uint32_t>> users_;
  std::map<std::string, std::optional<std::uint32_t>> groups_;
};

}  // namespace rollback
