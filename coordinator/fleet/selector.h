// SPDX-License-Identifier: Apache-2.0
// -l expressions: host names and globs, key=value with globs, "!" negates, a comma is and. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "model/host.h"
#include "protocol/commands.h"

namespace rollback {

class Selector {
 public:
  // "web*", "role=web,dc=fra*", "!web3". kInvalid for empty terms.
  static Result<Selector> parse(std::string_view expression);
  [[nodiscard]] bool matches(const HostRecord& host) const;
  // Plain names in it that no host has: slips of the pen, whereas a glob may match nobody.
  [[nodiscard]] std::vector<std::string> unknown_names(const std::vector<HostRecord>& hosts) const;

 private:
  struct Term {
    bool negated = false;
    std::string key;  // "": the host's name
    std::string glob;
  };
  std::vector<Term> terms_;
};

// Those of `hosts` that any limit matches (all without limits) and no exclude does, in order.
// kNotFound when none is left, kInvalid when a host is named that there is not.
Result<std::vector<HostRecord>> select_hosts(const std::vector<HostRecord>& hosts,
                                             const HostSelection& selection);

}  // namespace rollback
