// SPDX-License-Identifier: Apache-2.0
// /etc/rollback/coordinator.yaml as a value. Everything that can be wrong with the text is found
// here, with file and line.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace rollback {

struct CoordinatorOptions {
  std::string fleet;                    // the agents' `fleet` must be the same where they have one
  std::string agents = "tcp://*:7400";  // accepted hosts
  std::string enrolment = "tcp://*:7401";  // hosts that ask to be accepted
  std::string operators_group;             // may use the socket besides root; "" nobody

  static Result<CoordinatorOptions> parse(std::string_view yaml, const std::string& file_name);
};

// What a host may call itself: a letter or digit, then letters, digits and "._@-", at most 63. Such
// a name means nothing to a selector or a terminal.
bool is_host_name(std::string_view text);

}  // namespace rollback
