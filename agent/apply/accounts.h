// SPDX-License-Identifier: Apache-2.0
// Accounts that a release names and this host lacks.
#pragma once

#include <string>
#include <vector>

#include "agent/capture/owner_names.h"
#include "model/snapshot.h"

namespace rollback {

// Files of such an account get its number. `target` is changed to what the host then shows, so that
// the two compare equal. One line for each account; `to` names the target in them.
std::vector<std::string> settle_accounts(HostState& target, const OwnerNames& owners,
                                         const std::string& to);

}  // namespace rollback
