// SPDX-License-Identifier: Apache-2.0
// Text of other programs (log lines, probe answers, validator output) made safe for one line of a
// terminal or a log: what an attacker writes into a log must not move the operator's cursor.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rollback {

// Valid UTF-8 stays; control characters, bidirectional overrides and broken bytes become \xNN, tab
// becomes a space. At most `limit` bytes; what was cut off is marked by "...". limit >= 8.
std::string printable_line(std::string_view text, std::size_t limit);

// The last `lines` lines with text in them, oldest first, each printable and at most `limit` bytes.
std::vector<std::string> last_lines(std::string_view text, std::size_t lines, std::size_t limit);

}  // namespace rollback
