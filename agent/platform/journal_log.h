// SPDX-License-Identifier: Apache-2.0
// The systemd journal, read backwards. Any thread.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace rollback {

// The last messages of a unit and of systemd about it, oldest first, printable, each at most
// 512 bytes; at most 1000 lines. Costs a look-up per line, however large the journal is.
Result<std::vector<std::string>> journal_tail(const std::string& unit, std::size_t lines);

}  // namespace rollback
